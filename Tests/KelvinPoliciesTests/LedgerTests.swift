import KelvinPolicies
import Testing

@Suite("A ledger says what was written down about entries")
struct LedgerTests {
  @Test("an entry that leaves is replaced by the last, in every column")
  func swapRemove() {
    var head = HeadLedger(number: 0)
    head.append(0..<4, recording: Records(attention: true))
    #expect(head.attention == [0, 0, 0, 0])
    for entry in 0..<4 { head.attention[entry] = Float(entry) }
    head.swapRemove(1, last: 3)
    #expect(head.positions == [0, 3, 2])
    #expect(head.attention == [0, 3, 2])
    head.swapRemove(2, last: 2)
    #expect(head.positions == [0, 3])
  }

  /// Six entries; each column says which entry it is about.
  private func recorded() -> HeadLedger {
    var head = HeadLedger(number: 0)
    head.append(0..<6, recording: Records(attention: true, attentionCount: 70))
    let numbers = ContiguousArray<Float>([0, 1, 2, 3, 4, 5])
    head.attention = numbers
    (head.keyNorm, head.valueNorm, head.outputNorm) = (numbers, numbers, numbers)
    head.kinds = [.ordinary, .special, .punctuation, .newline, .ordinary, .special]
    (head.gone, head.mergeWeight) = ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5])
    head.windowAttention = [numbers, numbers]
    // Entry `j` was given its even share by `j` queries, some of which lie in the second word.
    for entry in 1..<6 { head.attentionCount.note(1 << UInt32(entry) - 1, of: 5, from: 62, entry: entry) }
    return head
  }

  /// Expects that every column is about `entries`, in this order.
  private func expect(
    _ head: HeadLedger, isAbout entries: [Int], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let (numbers, words) = (ContiguousArray(entries.map(Float.init)), ContiguousArray(entries.map(Int32.init)))
    let kinds = [EntryKind.ordinary, .special, .punctuation, .newline, .ordinary, .special]
    #expect(head.positions == words && head.gone == words && head.mergeWeight == words, sourceLocation: sourceLocation)
    #expect(
      [head.attention, head.keyNorm, head.valueNorm, head.outputNorm] + head.windowAttention
        == Array(repeating: numbers, count: 6), sourceLocation: sourceLocation)
    #expect(entries.indices.map { head.attentionCount[$0] } == entries, sourceLocation: sourceLocation)
    #expect(head.kinds == ContiguousArray(entries.map { kinds[$0] }), sourceLocation: sourceLocation)
  }

  @Test("where the newest entries lie apart, the last of the older ones fills the gap, and the newest move up")
  func apart() {
    var head = recorded()
    expect(head, isAbout: [0, 1, 2, 3, 4, 5])
    head.swapRemove(1, last: 3)
    expect(head, isAbout: [0, 3, 2, 4, 5])
    head.swapRemove(2, last: 2)
    expect(head, isAbout: [0, 3, 4, 5])
    head.swapRemove(2, last: 3)
    expect(head, isAbout: [0, 3, 5])
  }

  @Test("an entry that settles goes behind the older ones, and the last takes its place among the newest")
  func settling() {
    var head = recorded()
    head.settle(2, at: 2)
    expect(head, isAbout: [0, 1, 2, 5, 3, 4])
    head.settle(4, at: 3)
    expect(head, isAbout: [0, 1, 2, 3, 5, 4])
    head.settle(5, at: 4)
    expect(head, isAbout: [0, 1, 2, 3, 4, 5])
    head.shorten(to: 2)
    expect(head, isAbout: [0, 1])
  }

  @Test("a column that nobody asked for stays empty")
  func columns() {
    var head = HeadLedger(number: 0)
    head.append(0..<4, recording: Records())
    #expect(head.count == 4)
    #expect(head.attention.isEmpty)
  }
}
