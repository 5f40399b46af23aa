/// TOVA: what the newest token attends to stays, the same entries in every head of a layer.
///
///     score_j = mean over all query heads of a_tj, t the newest query       (paper §3.2)
///
/// Memoryless: what counted a step ago does not count now. Strong on some texts, weak on others.
///
/// Defaults: B = 20 % of the prompt; the newest entry stays (kvpress; the authors do not protect it: `recent=0`).
/// Departures: none; a layer with several KV heads has one set of entries for all of them, as in the paper.
///
/// Source: Oren et al. 2024, arXiv 2401.06104.
public struct TOVA: ScoringPolicy {
  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// The newest entries that stay.
  public let recent: Int
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?
  /// By entry, the same for all heads: they hold the same entries in the same order, which arrive and leave together.
  private var scores: [Float] = []

  /// Asks for the attention of the newest query.
  public let records = Records(windowAttention: 1)
  /// Kept entries stay where they were born.
  public let places = Places.original
  /// The first positions have no privilege.
  public let protectedFirst = 0
  /// The newest `recent` entries stay.
  public var protectedLast: Int { recent }

  /// Keeps what the newest query attends to within `budget`.
  public init(budget: Budget, recent: Int = 1, when: When = .both) {
    self.budget = budget
    self.recent = recent
    self.when = when
  }

  /// Takes the mean over all query heads of the layer.
  public mutating func prepare(_ ledger: borrowing Ledger, at moment: Moment) {
    var most = 0
    for head in 0..<ledger.heads.count { most = max(most, ledger.heads[head].count) }
    scores = Array(repeating: 0, count: most)
    var queryHeads: Float = 0
    for head in 0..<ledger.heads.count {
      for column in ledger.heads[head].windowAttention {
        queryHeads += 1
        for entry in column.indices { scores[entry] += column[entry] }
      }
    }
    for entry in scores.indices { scores[entry] /= queryHeads }
  }

  /// The mean attention of the newest query, the same in every head.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { scores[entry] }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "tova", summary: "what the newest token attends to, the same in all heads of a layer",
    paper: "Oren et al. 2024, arXiv 2401.06104",
    options: [
      .budget(default: "20%"), .recent(default: "1", "newest entries that always stay"), .positions(["original"]),
      .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    TOVA(budget: try options.budget(), recent: try options.count("recent") ?? 1, when: try options.choice("when"))
  }
}
