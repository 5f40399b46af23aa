/// Window: the newest entries and nothing else ("Local" in the papers).
///
/// The baseline that shows what sinks are worth.
///
///     keep(t) = { the newest B entries }
///
/// Entries close ranks by themselves: distances inside the window are true, so original and compacted positions are the same.
/// Not for: use; without the first tokens a model falls apart, which is StreamingLLM's finding.
///
/// Source: Beltagy et al. 2020, arXiv 2004.05150, as a cache policy.
public struct Window: ScoringPolicy {
  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?
  /// Scores never fall.
  public var shortlists: [Shortlist]? = []

  /// Nothing but positions is needed.
  public let records = Records()
  /// Kept entries close ranks, without sinks.
  public let places = Places.compacted(sinks: 0)
  /// The first positions have no privilege.
  public let protectedFirst = 0
  /// The whole budget is window.
  public var protectedLast: Int { capacity ?? 0 }

  /// Keeps the newest entries within `budget`.
  public init(budget: Budget, when: When = .both) {
    self.budget = budget
    self.when = when
  }

  /// Newer is better; protection has already decided.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { Float(head.positions[entry]) }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "window", summary: "the newest entries only: the baseline without sinks",
    paper: "Beltagy et al. 2020, arXiv 2004.05150",
    options: [.budget(default: "20%"), .positions(["compacted", "original"]), .when], acts: "prefill and decode"
  ) { options throws(PolicyError) in
    Window(budget: try options.budget(), when: try options.choice("when"))
  }
}
