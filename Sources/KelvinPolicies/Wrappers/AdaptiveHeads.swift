/// One budget for all heads of a layer: heads that spread their attention keep more, heads that concentrate it keep less.
///
///     every head keeps its ⌊α·B⌋ highest entries; the other (H·B − H·⌊α·B⌋) places go to the highest scores of all heads
///                                                                                               (AdaKV, Algorithm 1)
/// Defaults: α = 0.2 (paper §5). α = 1 is the base policy.
///
/// Source: Feng et al. 2024, arXiv 2407.11550.
public struct AdaptiveHeads<Base: ScoringPolicy>: CachePolicy {
  private var base: Base
  /// The share of the budget that every head keeps for itself, `α`.
  public let safeguard: Double

  /// Shares the budget of `base` out inside each layer; every head keeps `safeguard` of its part.
  public init(_ base: Base, safeguard: Double = 0.2) {
    self.base = base
    self.safeguard = safeguard
  }

  /// The facts that the base policy asks for.
  public var records: Records { base.records }
  /// The places of the base policy.
  public var places: Places { base.places }
  /// What the base policy keeps, in the mean; every head has its own part at least, and what is protected in it.
  public var keeps: KeptEntries? {
    guard var keeps = base.keeps else { return nil }
    keeps.isShared = true
    keeps.least = max(own(of: keeps.mean), min(keeps.mean, base.protectedFirst + base.protectedLast))
    return keeps
  }
  /// The notes of the base policy.
  public var notes: [Int] { base.notes }
  /// Lets the base policy take up its notes.
  public mutating func takeUp(_ notes: [Int]) -> Bool { base.takeUp(notes) }

  /// Lets the base policy begin.
  public mutating func begin(at place: StorePlace, promptLength: Int) {
    var place = place
    place.sharesBudget = true
    base.begin(at: place, promptLength: promptLength)
  }

  /// Whether the base policy will read its columns.
  public func reads(at moment: Moment) -> Bool { base.reads(at: moment) }

  /// Lets the lowest scores of all heads of the store leave.
  public mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    guard base.when.includes(moment) else { return }
    base.prepare(ledger, at: moment)
    guard let capacity = base.capacity else { return }
    var live = 0
    for head in 0..<ledger.heads.count { live += ledger.heads[head].count }
    let surplus = live - min(capacity, live) * ledger.heads.count
    guard surplus > 0 else { return }
    var candidates: [Candidate] = []
    for head in 0..<ledger.heads.count {
      candidates += self.candidates(in: ledger.heads[head], head: head, capacity: capacity)
    }
    candidates.sort()
    for candidate in candidates.prefix(surplus) { edits.evict(candidate.entry, head: candidate.head) }
  }

  /// An entry that may leave; the lesser leaves first: lower scores, then newer positions, then later heads.
  private struct Candidate: Comparable {
    var score: Float
    var position: Int32
    var head: Int
    var entry: Int

    static func < (a: Candidate, b: Candidate) -> Bool {
      if a.score != b.score { return a.score < b.score }
      return a.position != b.position ? a.position > b.position : a.head > b.head
    }
  }

  /// The part of a budget that every head keeps for itself, `⌊α·B⌋`.
  private func own(of capacity: Int) -> Int { Int((safeguard * Double(capacity)).rounded(.down)) }

  /// The entries of a head below its own ⌊α·B⌋ best ones; protected entries are the best ones there are.
  private func candidates(in head: HeadLedger, head index: Int, capacity: Int) -> [Candidate] {
    let order = head.entriesByPosition
    let sinks = order.prefix { head.positions[$0] < base.protectedFirst }
    // As far as the budget goes: the oldest sinks, then the newest entries.
    let protected = (sinks + order.dropFirst(sinks.count).suffix(base.protectedLast).reversed()).prefix(capacity)
    let open = Set(order).subtracting(protected)
      .map { Candidate(score: base.score($0, in: head), position: head.positions[$0], head: index, entry: $0) }
      .sorted()
    return Array(open.dropLast(max(0, own(of: capacity) - protected.count)))
  }
}
