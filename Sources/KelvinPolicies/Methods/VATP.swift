/// VATP, value-aware token pruning: attention received is weighed by how large the value is that it brings in.
///
/// An entry contributes to the output by `a · v`, so attention to an entry with a small value is cheap to lose. Attention sinks
/// have almost no value, and losing them is not cheap: the first `F` tokens always stay.
///
///     I_j = A_j · ‖v_j‖₁                                                    (paper §3)
///     keep(t) = { first F } ∪ { the last w entries } ∪ the largest I_j among the rest
///
/// `A_j` is that of a host: the sum of H2O, or the count of Scissorhands.
///
/// Defaults: host H2O; B = 20 %, F = 20 (authors' commands); w as the host has it, ⌊B/2⌋ or 10. At budgets of a few dozen entries F = 4 is better.
/// Departures: per KV head, with the mean attention of its group; Scissorhands counts, where the authors take the mean; the norm is taken before the value is rounded.
///
/// Source: Guo et al. 2024, arXiv 2406.12335.
public struct VATP: ScoringPolicy {
  /// Whose importance of an entry is weighed.
  public enum Host: String, Sendable, Hashable, CaseIterable, Codable {
    case h2o, scissorhands
  }

  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// The first tokens that stay, `F`.
  public let sinks: Int
  /// The newest entries that stay, `w`; `nil`: as many as in the host.
  public let recent: Int?
  /// Whose importance of an entry is weighed.
  public let host: Host
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?
  /// Scores never fall where the host sums.
  public var shortlists: [Shortlist]?

  /// Asks for what the host reads, `A_j`, and the size of values, `‖v_j‖₁`.
  public var records: Records {
    host == .h2o
      ? Records(attention: true, valueNorm: .sum)
      : Records(valueNorm: .sum, attentionCount: Scissorhands.usualHistory)
  }
  /// Kept entries stay where they were born.
  public let places = Places.original
  /// The sinks stay.
  public var protectedFirst: Int { sinks }
  /// The newest `recent` entries stay, or as many as in the host.
  public var protectedLast: Int { recent ?? (host == .h2o ? (capacity ?? 0) / 2 : Scissorhands.usualRecent) }

  /// Keeps the sinks, the newest entries and the largest `I_j` within `budget`.
  public init(budget: Budget, sinks: Int = 20, recent: Int? = nil, host: Host = .h2o, when: When = .both) {
    self.budget = budget
    self.sinks = sinks
    self.recent = recent
    self.host = host
    self.when = when
    shortlists = host == .h2o ? [] : nil
  }

  /// The importance `I_j = A_j · ‖v_j‖₁`.
  public func score(_ entry: Int, in head: HeadLedger) -> Float {
    let importance = host == .h2o ? head.attention[entry] : head.attentionCount.counts[entry]
    return importance * head.valueNorm[entry]
  }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "vatp", summary: "as H2O or Scissorhands, with attention weighed by the size of the value",
    paper: "Guo et al. 2024, arXiv 2406.12335",
    options: [
      .budget(default: "20%"), .sinks(default: "20"),
      .recent(default: "host", "newest entries that stay; host: half of the budget, with Scissorhands 10"),
      PolicyOption(
        key: "host", values: "h2o, scissorhands", default: "h2o", help: "whose importance is weighed",
        choices: Host.allCases.map(\.rawValue)),
      .positions(["original"]), .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    VATP(
      budget: try options.budget(), sinks: try options.count("sinks") ?? 20, recent: try options.count("recent"),
      host: try options.choice("host"), when: try options.choice("when"))
  }
}
