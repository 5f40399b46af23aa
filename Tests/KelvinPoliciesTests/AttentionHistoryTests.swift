import KelvinPolicies
import TestSupport
import Testing

@Suite("A sum over the newest queries forgets the oldest, block by block")
struct AttentionHistoryTests {
  @Test("as far as eight queries exactly the newest are summed")
  func exact() {
    for queries in 1...8 {
      #expect(
        (0..<20).allSatisfy { newest in
          AttentionHistory.firstCounted(of: queries, newest: newest) == max(0, newest - queries + 1)
        })
    }
  }

  @Test("then an eighth is forgotten at once, and a history that is no multiple of eight is rounded up to whole blocks")
  func blocks() {
    // Sixteen: eight blocks of two, of which the newest has one query or two.
    #expect((14..<20).map { AttentionHistory.firstCounted(of: 16, newest: $0) } == [0, 0, 2, 2, 4, 4])
    #expect(AttentionHistory.firstCounted(of: 400, newest: 399) == 0)
    #expect(AttentionHistory.firstCounted(of: 400, newest: 400) == 50)
    #expect(AttentionHistory.firstCounted(of: 400, newest: 449) == 50)
    // Nine: five blocks of two.
    #expect((8..<13).map { AttentionHistory.firstCounted(of: 9, newest: $0) } == [0, 0, 2, 2, 4])
  }

  /// Against plain lists of terms; these are small whole numbers, so sums are exact in any order.
  @Test("as much as the queries that count gave", arguments: [1, 2, 7, 8, 9, 16, 23, 64, 100, 400])
  func sums(_ queries: Int) {
    var numbers = SeededNumbers(seed: UInt64(queries))
    var history = AttentionHistory()
    #expect(history.isEmpty)
    var terms: [[Float]] = []
    var seen = 0
    while seen < 900 {
      // Passes are shorter than a block, or longer than the whole history.
      let rows = 1 + Int(numbers.next() % (numbers.next() % 4 == 0 ? 150 : 3))
      history.append(rows, from: seen, queries: queries)
      terms += (0..<rows).map { _ in Array(repeating: 0, count: seen) }
      for query in seen..<seen + rows {
        let given = terms.indices.map { $0 <= query ? Float(numbers.next() % 16) : 0 }
        for entry in terms.indices { terms[entry].append(given[entry]) }
        // What is forgotten before the pass ends is not measured.
        guard query >= AttentionHistory.firstCounted(of: queries, newest: seen + rows - 1) else { continue }
        history.withSums(of: query) { sums in for entry in sums.indices { sums[entry] += given[entry] } }
      }
      seen += rows
      let first = AttentionHistory.firstCounted(of: queries, newest: seen - 1)
      #expect(terms.indices.map { history[$0] } == terms.map { $0.dropFirst(first).reduce(0, +) })
    }
  }

  @Test("an entry that leaves is replaced by the last one, and one that merges leaves its heir what it received")
  func leaving() {
    var head = HeadLedger(number: 0)
    head.append(0..<3, recording: Records(attentionHistory: 2))
    head.attentionHistory.withSums(of: 1) { $0 = [0.5, 0.25, 0] }
    head.attentionHistory.withSums(of: 2) { $0 = [0.125, 0, 1] }
    head.attentionHistory.unite(0, with: 1)
    #expect((0..<3).map { head.attentionHistory[$0] } == [0.625, 0.875, 1])
    head.swapRemove(0, last: 2)
    #expect(head.positions == [2, 1])
    #expect((0..<2).map { head.attentionHistory[$0] } == [1, 0.875])
    head.append(3..<4, recording: Records(attentionHistory: 2))
    // Query 3 takes the place of query 1.
    #expect((0..<3).map { head.attentionHistory[$0] } == [1, 0.125, 0])
    head.shorten(to: 1)
    #expect(head.attentionHistory.sums == [[1], [0]])
  }
}
