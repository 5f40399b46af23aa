/// A policy that is a score: each head keeps its budget's worth of highest entries.
///
/// Protected entries are taken out before ranking and count against the budget: the first `protectedFirst` positions,
/// then the newest `protectedLast` entries, as far as the budget goes. Equal scores: the smaller position stays.
public protocol ScoringPolicy: CachePolicy {
  /// What may be kept.
  var budget: Budget { get }
  /// At which moments entries leave.
  var when: When { get }
  /// Entries per head; `nil` until `begin`, and for ever when the budget is unbounded.
  var capacity: Int? { get set }
  /// How many of the first positions always stay.
  var protectedFirst: Int { get }
  /// How many of the newest entries always stay.
  var protectedLast: Int { get }
  /// Called at the start of a review, for policies whose scores need more than one entry's columns.
  mutating func prepare(_ ledger: borrowing Ledger, at moment: Moment)
  /// The worth of an entry; higher stays.
  func score(_ entry: Int, in head: HeadLedger) -> Float
  /// The scores of all entries of a head, where a column holds them; `nil`: they are asked for one by one.
  func scores(of head: HeadLedger) -> ContiguousArray<Float>?
  /// Whether all heads of the store hold the same entries with the same scores, so that what leaves one leaves all; asked in a
  /// review.
  var choosesForAllHeads: Bool { get }
  /// For policies whose scores never fall: which entries leave next, head by head; `nil`: all are looked at in every step.
  var shortlists: [Shortlist]? { get set }
}

/// The part of a sequence's life in which a policy acts.
public enum When: String, Sendable, Hashable, CaseIterable {
  case prefill, decode, both

  /// Whether entries may leave at `moment`.
  public func includes(_ moment: Moment) -> Bool {
    switch self {
    case .both: true
    case .prefill: moment != .step
    case .decode: moment == .step
    }
  }
}

extension ScoringPolicy {
  /// Nothing to prepare: scores come from one entry's columns.
  public mutating func prepare(_ ledger: borrowing Ledger, at moment: Moment) {}

  /// None: they are computed.
  public func scores(of head: HeadLedger) -> ContiguousArray<Float>? { nil }

  /// No: heads choose for themselves.
  public var choosesForAllHeads: Bool { false }

  /// None: scores may fall.
  public var shortlists: [Shortlist]? {
    get { nil }
    set {}
  }

  /// Fixes the capacity.
  public mutating func begin(at place: StorePlace, promptLength: Int) {
    capacity = budget.entries(at: place, promptLength: promptLength)
  }

  /// The budget, in every head alike.
  public var keeps: KeptEntries? {
    capacity.map { KeptEntries(each: $0, newest: min(protectedLast, max(0, $0 - protectedFirst)), when: when) }
  }

  /// Reviews read columns at the moments of `when`, unless the budget is unbounded.
  public func reads(at moment: Moment) -> Bool { when.includes(moment) && capacity != nil }

  /// Lets the lowest scores leave where a head holds more than its capacity.
  public mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    reviewScores(ledger, at: moment, edits: &edits)
  }

  /// What a review does, for policies that know a shorter way for some.
  mutating func reviewScores(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    guard when.includes(moment) else { return }
    prepare(ledger, at: moment)
    guard let capacity else { return }
    // Taken out while they change, or they would be copied.
    var lists = shortlists
    shortlists = nil
    defer { shortlists = lists }
    while let count = lists?.count, count < ledger.heads.count { lists?.append(Shortlist()) }
    let chosen = choosesForAllHeads ? 0..<1 : 0..<ledger.heads.count
    for head in chosen where ledger.heads[head].count > capacity {
      let surplus = ledger.heads[head].count - capacity
      if surplus == 1, let entry = next(in: ledger.heads[head], newest: ledger.seen - 1, &lists, head) {
        edits.evict(entry, head: head)
      } else {
        let entries =
          surplus <= Selection.few ? lowest(surplus, in: ledger.heads[head], newest: ledger.seen - 1) : nil
        for entry in entries ?? self.surplus(in: ledger.heads[head], capacity: capacity) {
          edits.evict(entry, head: head)
        }
      }
    }
    for head in chosen.upperBound..<max(chosen.upperBound, ledger.heads.count) {
      for entry in edits.evictions[0] { edits.evict(entry, head: head) }
    }
  }

  /// The one entry that leaves in a steady decode step; `nil` where only the whole rule finds it.
  private func next(in head: HeadLedger, newest: Int, _ lists: inout [Shortlist]?, _ index: Int) -> Int? {
    guard lists != nil else { return lowest(1, in: head, newest: newest)?.first }
    return lists?[index].next(
      in: head, newest: newest, protectedFirst: protectedFirst, protectedLast: protectedLast
    ) { score($0, in: head) }
  }

  /// The few entries that leave, by looking at every score; `nil` where the newest entries are not the newest positions without
  /// a gap, so that the window is not known without sorting.
  private func lowest(_ count: Int, in head: HeadLedger, newest: Int) -> [Int]? {
    Selection.lowest(
      count, of: scores(of: head) ?? ContiguousArray((0..<head.count).map { score($0, in: head) }),
      positions: head.positions, first: Int32(clamping: protectedFirst), newest: newest, last: protectedLast)
  }

  /// The entries that do not fit, by the whole rule.
  private func surplus(in head: HeadLedger, capacity: Int) -> [Int] {
    Selection.surplus(
      in: head, scores: (0..<head.count).map { score($0, in: head) }, budget: capacity, first: protectedFirst,
      last: protectedLast)
  }
}
