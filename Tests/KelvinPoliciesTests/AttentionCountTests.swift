import KelvinPolicies
import TestSupport
import Testing

@Suite("A count of the newest queries forgets the oldest")
struct AttentionCountTests {
  @Test("a query's even share is one of as many entries as it sees")
  func even() {
    var count = AttentionCount()
    #expect(count.isEmpty)
    count.append(4, queries: 3)
    count.note([0.25, 0.5, 0.2, 0.05], addingUpTo: 1, of: 0)
    #expect((0..<4).map { count[$0] } == [1, 1, 0, 0])
    count.note([1.5, 0.25, 0.25, 0], addingUpTo: 2, of: 1)
    #expect((0..<4).map { count[$0] } == [2, 1, 0, 0])
  }

  /// Against plain lists of bits, for windows around a word of 64 and tiles of up to 24 queries.
  @Test("as many as the newest queries that were noted", arguments: [1, 2, 23, 24, 63, 64, 65, 128, 400])
  func window(_ queries: Int) {
    var numbers = SeededNumbers(seed: UInt64(queries))
    var count = AttentionCount()
    var lists: [[Bool]] = []
    var query = 0
    while query < 900 {
      let tile = 1 + Int(numbers.next() % 24)
      count.append(1, queries: queries)
      lists.append(Array(repeating: false, count: query))
      for entry in lists.indices {
        let bits = UInt32(truncatingIfNeeded: numbers.next()) & (1 << UInt32(tile) - 1)
        count.note(bits, of: tile, from: query, entry: entry)
        lists[entry] += (0..<tile).map { bits >> $0 & 1 == 1 }
      }
      query += tile
      #expect(lists.indices.map { count[$0] } == lists.map { $0.suffix(queries).filter { $0 }.count })
    }
  }

  @Test("an entry that leaves is replaced by the last one")
  func leaving() {
    var head = HeadLedger(number: 0)
    head.append(0..<3, recording: Records(attentionCount: 100))
    head.attentionCount.note([0, 0, 1], addingUpTo: 1, of: 0)
    head.attentionCount.note([0, 0.5, 0.5], addingUpTo: 1, of: 1)
    head.swapRemove(0, last: 2)
    #expect(head.positions == [2, 1])
    #expect((0..<2).map { head.attentionCount[$0] } == [2, 1])
  }
}

extension AttentionCount {
  /// Notes what query number `query` gave to every entry: `shares` of its attention, which add up to `total`.
  fileprivate mutating func note(_ shares: [Float], addingUpTo total: Float, of query: Int) {
    let even = total / Float(shares.count)
    for entry in shares.indices { note(shares[entry] >= even ? 1 : 0, of: 1, from: query, entry: entry) }
  }
}
