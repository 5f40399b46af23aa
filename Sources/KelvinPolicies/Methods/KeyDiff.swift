/// KeyDiff: keys that point somewhere else stay.
///
/// Keys that are alike receive alike attention, so of many alike ones few are needed; and keys that differ from the mean direction
/// tend to receive the most. No query is looked at.
///
///     score_j = −cos(k_j, k̄),  k̄ = mean over the head's live entries of k_i / ‖k_i‖₂
///
/// Keys are those of the cache, turned to their positions.
///
/// Defaults: B = 20 % of the prompt; the newest entry stays, so that a step's own token is not lost at once (`recent=0`: kvpress).
/// Departures: in decode it is asked at every step, where the paper asks per block; `every=16` is cheaper.
/// Not for: single steps where speed counts, as every key meets one vector more in each review.
///
/// Source: Park et al. 2025, arXiv 2504.15364.
public struct KeyDiff: ScoringPolicy {
  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// The newest entries that stay.
  public let recent: Int
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?

  /// Asks for `cos(k_j, k̄)`.
  public var records: Records { Records(keySimilarity: true) }
  /// Kept entries stay where they were born.
  public var places: Places { .original }
  /// The first positions have no privilege.
  public var protectedFirst: Int { 0 }
  /// The newest `recent` entries stay.
  public var protectedLast: Int { recent }

  /// Keeps the keys least like the mean direction within `budget`.
  public init(budget: Budget, recent: Int = 1, when: When = .both) {
    self.budget = budget
    self.recent = recent
    self.when = when
  }

  /// Minus the similarity, so that keys unlike the others stay.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { -head.keySimilarity[entry] }

  /// The column with every sign turned, in a loop that becomes vectors.
  public func scores(of head: HeadLedger) -> ContiguousArray<Float>? {
    var scores = head.keySimilarity
    for entry in scores.indices { scores[entry].negate() }
    return scores
  }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "keydiff", summary: "the entries whose keys are least like the mean key",
    paper: "Park et al. 2025, arXiv 2504.15364",
    options: [
      .budget(default: "20%"), .recent(default: "1", "newest entries that always stay"), .positions(["original"]),
      .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    KeyDiff(
      budget: try options.budget(), recent: try options.count("recent", atLeast: 0), when: try options.choice("when"))
  }
}
