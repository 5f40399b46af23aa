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
    guard when.includes(moment) else { return }
    prepare(ledger, at: moment)
    guard let capacity else { return }
    // Taken out while they change, or they would be copied.
    var lists = shortlists
    shortlists = nil
    defer { shortlists = lists }
    while let count = lists?.count, count < ledger.heads.count { lists?.append(Shortlist()) }
    for head in 0..<ledger.heads.count where ledger.heads[head].count > capacity {
      if ledger.heads[head].count == capacity + 1,
        let entry = next(in: ledger.heads[head], newest: ledger.seen - 1, &lists, head)
      {
        edits.evict(entry, head: head)
      } else {
        for entry in surplus(in: ledger.heads[head], capacity: capacity) { edits.evict(entry, head: head) }
      }
    }
  }

  /// The one entry that leaves in a steady decode step; `nil` where only the whole rule finds it.
  private func next(in head: HeadLedger, newest: Int, _ lists: inout [Shortlist]?, _ index: Int) -> Int? {
    guard lists != nil else { return lowest(in: head, newest: newest) }
    return lists?[index].next(
      in: head, newest: newest, protectedFirst: protectedFirst, protectedLast: protectedLast
    ) { score($0, in: head) }
  }

  /// The same in one pass over the columns; `nil` where the newest entries are not the newest positions without a gap, so
  /// that the window is not known without sorting.
  private func lowest(in head: HeadLedger, newest: Int) -> Int? {
    let window = Int32(clamping: newest - protectedLast)
    let protectedFirst = Int32(clamping: protectedFirst)
    var lowest: Int?
    var lowestScore = Float.infinity
    var inWindow = 0
    for entry in 0..<head.count {
      let position = head.positions[entry]
      if position > window {
        inWindow += 1
        continue
      }
      if position < protectedFirst { continue }
      let score = self.score(entry, in: head)
      if score < lowestScore || lowest == nil || (score == lowestScore && position > head.positions[lowest ?? entry]) {
        lowest = entry
        lowestScore = score
      }
    }
    return inWindow == protectedLast ? lowest : nil
  }

  /// The entries that do not fit, by the whole rule.
  private func surplus(in head: HeadLedger, capacity: Int) -> [Int] {
    Selection.surplus(
      in: head, scores: (0..<head.count).map { score($0, in: head) }, budget: capacity, first: protectedFirst,
      last: protectedLast)
  }
}

/// The rule by which entries are chosen; pure and deterministic.
public enum Selection {
  /// The indices, ascending, of the entries that stay.
  ///
  /// Protected entries come first: positions below `first`, oldest first, then the `last` newest, newest first. The rest
  /// of the budget goes to the highest scores; equal scores, the smaller position. `positions` must ascend.
  public static func keep(positions: [Int32], scores: [Float], budget: Int, first: Int, last: Int) -> [Int] {
    let count = positions.count
    guard count > budget else { return Array(0..<count) }
    let isSink = positions.map { $0 < first }
    let isRecent = positions.indices.map { !isSink[$0] && $0 >= count - last }
    var kept = positions.indices.filter { isSink[$0] }
    kept += positions.indices.filter { isRecent[$0] }.reversed()
    kept = Array(kept.prefix(budget))
    let others = positions.indices.filter { !isSink[$0] && !isRecent[$0] }
      .sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
    kept += others.prefix(max(0, budget - kept.count))
    return kept.sorted()
  }

  /// The entries of a bag that leave; `scores[j]` is the worth of entry `j`.
  static func surplus(in head: HeadLedger, scores: [Float], budget: Int, first: Int, last: Int) -> [Int] {
    let order = head.entriesByPosition
    let kept = keep(
      positions: order.map { head.positions[$0] }, scores: order.map { scores[$0] }, budget: budget, first: first,
      last: last)
    var stays = Array(repeating: false, count: head.count)
    for rank in kept { stays[order[rank]] = true }
    return stays.indices.filter { !stays[$0] }
  }
}

extension HeadLedger {
  /// The entries, oldest first.
  var entriesByPosition: [Int] {
    Array(0..<count).sorted { positions[$0] < positions[$1] }
  }
}
