/// H2O, the heavy-hitter oracle: the newest entries stay, and of the older ones those that received most attention.
///
/// A few tokens collect most of the attention mass, and which ones shows early; the sum over past queries finds them.
/// Per KV head, with `a_tj` the attention of query `t` to entry `j` over the entries alive at `t`:
///
///     A_j(t) = A_j(t−1) + mean over the group of a_tj                          (paper: F_score, Definition 4.3)
///     keep(t) = { the last w entries } ∪ the (B − w) largest A_j among the rest      (§5.1: B split evenly)
///
/// Defaults: B = 20 % of the prompt, w = ⌊B/2⌋, the odd entry goes to the heavy hitters.
/// Departures: the paper is per query head (MHA); here the mean over the query heads that share a KV head. Evicted entries
/// leave memory and the softmax, as in the authors' `utils_real_drop`, not as in their simulation by masks.
/// `norm=mean` divides by the queries that have met the entry; the paper found it worse (App. B.2), kvpress does it.
/// `history=m` sums the newest `m` queries only, forgotten an eighth at a time (`AttentionHistory`); the paper sums all, Cold
/// Compress the last 400.
/// Not for: finding something in a long prompt that no later prompt token points to.
///
/// Source: Zhang et al. 2023, arXiv 2306.14048.
public struct H2O: ScoringPolicy {
  /// What the sum of attention is divided by: nothing, or the queries that have met the entry.
  public enum Norm: String, Sendable, Hashable, CaseIterable, Codable {
    case none, mean
  }

  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// The newest entries that stay, `w`; `nil`: half of the budget.
  public let recent: Int?
  /// What the sum is divided by.
  public let norm: Norm
  /// The newest queries whose attention is summed, `m`; `nil`: all.
  public let history: Int?
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?
  /// Scores never fall where all queries are summed.
  public var shortlists: [Shortlist]?
  /// Queries so far, and the oldest of them that is summed.
  private var seen = 0
  private var oldest = 0

  /// Asks for the attention received so far, `A_j`, or from the newest queries.
  public var records: Records { history.map { Records(attentionHistory: $0) } ?? Records(attention: true) }
  /// Kept entries stay where they were born.
  public let places = Places.original
  /// The first positions have no privilege.
  public let protectedFirst = 0
  /// The newest `recent` entries stay, or half of the budget.
  public var protectedLast: Int { recent ?? (capacity ?? 0) / 2 }

  /// Keeps the newest entries and the heavy hitters within `budget`.
  public init(
    budget: Budget, recent: Int? = nil, norm: Norm = .none, history: Int? = nil, when: When = .both
  ) {
    self.budget = budget
    self.recent = recent
    self.norm = norm
    self.history = history
    self.when = when
    shortlists = norm == .none && history == nil ? [] : nil
  }

  /// Looks which queries are summed.
  public mutating func prepare(_ ledger: borrowing Ledger, at moment: Moment) {
    seen = ledger.seen
    oldest = history.map { AttentionHistory.firstCounted(of: $0, newest: ledger.seen - 1) } ?? 0
  }

  /// The attention received, `A_j`, or its mean over the queries that have met the entry.
  public func score(_ entry: Int, in head: HeadLedger) -> Float {
    let sum = history == nil ? head.attention[entry] : head.attentionHistory[entry]
    return norm == .mean ? sum / Float(seen - max(oldest, Int(head.positions[entry]))) : sum
  }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "h2o", summary: "the newest entries, and those that received most attention",
    paper: "Zhang et al. 2023, arXiv 2306.14048",
    options: [
      .budget(default: "20%"), .recent(default: "half", "newest entries that stay; half: half of the budget"),
      PolicyOption(
        key: "norm", values: "none, mean", default: "none",
        help: "the sum of attention, or its mean over the queries that have met the entry",
        choices: Norm.allCases.map(\.rawValue)),
      PolicyOption(
        key: "history", values: "a count from 1 on, or all", default: "all",
        help: "newest queries whose attention is summed, forgotten an eighth at a time"),
      .positions(["original"]), .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    let history = try options.count("history")
    guard history != 0 else { throw options.impossible("history") }
    return H2O(
      budget: try options.budget(), recent: try options.count("recent"), norm: try options.choice("norm"),
      history: history, when: try options.choice("when"))
  }
}
