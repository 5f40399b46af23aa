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
  /// By head and entry; the same for all heads, whose entries arrive and leave together, except where entries merge on
  /// arrival: heads that hold different entries go by their own queries.
  private var scores: [ContiguousArray<Float>] = []
  private var firstHead = 0
  /// Whether the heads of a review hold the same entries.
  public private(set) var choosesForAllHeads = false
  /// The tokens seen, and the entries left to each head, when a review last let the same ones leave all of them.
  private var last = (seen: 0, count: 0)

  /// Asks for the attention of the newest query.
  public let records = Records(windowAttention: 1, windowMean: true)
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
    let heads = ledger.heads
    firstHead = heads.first?.number ?? 0
    choosesForAllHeads = heads.count > 1 && areSame(heads, seen: ledger.seen)
    if choosesForAllHeads {
      let mean = Self.mean(heads.flatMap(\.windowAttention), count: heads.first?.count ?? 0)
      scores = Array(repeating: mean, count: heads.count)
    } else {
      scores = heads.map { Self.mean($0.windowAttention, count: $0.count) }
    }
  }

  /// Whether all heads hold the same entries: those that they held a step ago, but for the one that came and the ones that left all of
  /// them, unless entries merge.
  private mutating func areSame(_ heads: [HeadLedger], seen: Int) -> Bool {
    let (count, newest) = (heads[0].count, heads[0].positions.last)
    let known = last
    last = (0, 0)
    guard heads.allSatisfy({ $0.count == count && $0.positions.last == newest }) else { return false }
    let isNext = seen == known.seen + 1 && count == known.count + 1 && heads[0].mergeWeight.isEmpty
    guard isNext || heads.dropFirst().allSatisfy({ Self.areSame($0.positions, heads[0].positions) }) else {
      return false
    }
    return true
  }

  /// Lets the lowest means leave, and notes whether heads that were the same still are.
  ///
  /// Whoever asks for scores alone may let something else leave each head, so nothing is noted then.
  public mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    guard when.includes(moment) else { return }
    reviewScores(ledger, at: moment, edits: &edits)
    if choosesForAllHeads, let capacity { last = (ledger.seen, min(capacity, ledger.heads[0].count)) }
  }

  /// A loop without exits, which the compiler turns into vectors: `==` took 2 % of a step with 1600 entries.
  private static func areSame(_ a: ContiguousArray<Int32>, _ b: ContiguousArray<Int32>) -> Bool {
    guard a.count == b.count else { return false }
    let (a, b) = (a.span, b.span)
    var difference: Int32 = 0
    for entry in 0..<a.count { difference |= a[unchecked: entry] ^ b[unchecked: entry] }
    return difference == 0
  }

  private static func mean(_ columns: [ContiguousArray<Float>], count: Int) -> ContiguousArray<Float> {
    var mean = ContiguousArray(repeating: Float(0), count: count)
    for column in columns {
      precondition(column.count == count, "\(column.count) shares of \(count) entries")
      let shares = column.span
      var sums = mean.mutableSpan
      for entry in 0..<count { sums[unchecked: entry] += shares[unchecked: entry] }
    }
    for entry in mean.indices { mean[entry] /= Float(columns.count) }
    return mean
  }

  /// The mean attention of the newest query, the same in every head.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { scores[head.number - firstHead][entry] }

  /// The means as they are.
  public func scores(of head: HeadLedger) -> ContiguousArray<Float>? { scores[head.number - firstHead] }

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
