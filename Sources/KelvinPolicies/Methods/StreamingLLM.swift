/// StreamingLLM: the first tokens, which serve as attention sinks, and a window of the newest.
///
/// Softmax must put its weight somewhere; trained models put what they do not need on the first tokens, so a window without
/// them falls apart. No scores:
///
///     keep(t) = [0, S) ∪ { the newest B − S entries }                       (paper §3.2)
///
/// With `positions=compacted` an entry stands at its rank in the cache, as in the paper, so that text of any length runs in
/// positions the model was trained on: sinks at `0..<S`, the query at the rank of the newest entry. Keys are never turned
/// again; the sinks are read by a second query turned to that rank, which is exact because the window has no gaps.
/// `positions=original` keeps every entry where it was born, as kvpress and Cold Compress do; it ends at the trained context.
///
/// Defaults: S = 4 and compacted, as in the paper; B = 20 % of the prompt, as for every policy here.
/// Not for: questions about what has left the window.
///
/// Source: Xiao et al. 2023, arXiv 2309.17453.
public struct StreamingLLM: ScoringPolicy {
  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// The first tokens that stay, `S`.
  public let sinks: Int
  /// Closing ranks behind the sinks, or where entries were born.
  public let places: Places
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?
  /// Scores never fall.
  public var shortlists: [Shortlist]? = []

  /// Nothing but positions is needed.
  public let records = Records()
  /// The sinks stay.
  public var protectedFirst: Int { sinks }
  /// The window is what the sinks leave of the budget.
  public var protectedLast: Int { max(0, (capacity ?? 0) - sinks) }

  /// Keeps `sinks` first tokens and fills `budget` with the newest.
  public init(budget: Budget, sinks: Int = 4, isCompacted: Bool = true, when: When = .both) {
    self.budget = budget
    self.sinks = sinks
    self.when = when
    places = isCompacted ? .compacted(sinks: sinks) : .original
  }

  /// Newer is better; exact in a float up to position 2²⁴, and protection has already decided.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { Float(head.positions[entry]) }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "streaming", summary: "attention sinks and a window of the newest entries",
    paper: "Xiao et al. 2023, arXiv 2309.17453",
    options: [
      .budget(default: "20%"), .sinks(default: "4"), .positions(["compacted", "original"]), .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    let policy = StreamingLLM(
      budget: try options.budget(), sinks: try options.count("sinks") ?? 4,
      isCompacted: options.value("positions") == "compacted", when: try options.choice("when"))
    if case .entries(let entries) = policy.budget, entries < policy.sinks {
      throw .impossible(
        policy: "streaming", option: "budget", found: "\(entries)", expected: "at least its \(policy.sinks) sinks")
    }
    return policy
  }
}
