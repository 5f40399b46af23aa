import KelvinPolicies

/// A policy of the tests that ranks by attention, with any protection.
struct ByAttention: ScoringPolicy {
  let records = Records(attention: true)
  let places = Places.original
  let budget: Budget
  var when = When.both
  var capacity: Int?
  let protectedFirst: Int
  let protectedLast: Int

  init(budget: Budget, protectedFirst: Int, protectedLast: Int) {
    self.budget = budget
    self.protectedFirst = protectedFirst
    self.protectedLast = protectedLast
  }

  func score(_ entry: Int, in head: HeadLedger) -> Float { head.attention[entry] }
}

extension Ledger {
  /// A store of one head.
  init(positions: [Int32], attention: [Float] = []) {
    var head = HeadLedger(number: 0)
    head.positions = ContiguousArray(positions)
    head.attention = ContiguousArray(attention)
    self.init(heads: [head], seen: Int(positions.max() ?? -1) + 1)
  }
}

extension StorePlace {
  /// The only store of a cache, one head with pages of 64 entries of 256 bytes.
  static let alone = StorePlace(store: 0, headsOfStores: [1], pageEntries: 64, pageBytes: 64 * 256)
}

extension CachePolicy {
  /// The positions that stay in the first head, ascending, when the prompt of all entries of `ledger` ends.
  mutating func survivors(
    of ledger: Ledger, promptLength: Int? = nil, at moment: Moment = .promptEnd
  ) -> [Int32] {
    begin(at: .alone, promptLength: promptLength ?? ledger.seen)
    return survivors(ofBegun: ledger, at: moment)
  }

  /// The same for a policy that has begun.
  mutating func survivors(ofBegun ledger: Ledger, at moment: Moment) -> [Int32] {
    var edits = Edits(heads: ledger.heads.count)
    review(ledger, at: moment, edits: &edits)
    let gone = Set(edits.evictions[0])
    return ledger.heads[0].positions.indices.filter { !gone.contains($0) }.map { ledger.heads[0].positions[$0] }
      .sorted()
  }
}
