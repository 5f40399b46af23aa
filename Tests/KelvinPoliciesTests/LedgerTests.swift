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
    head.swapRemove(1)
    #expect(head.positions == [0, 3, 2])
    #expect(head.attention == [0, 3, 2])
    head.swapRemove(2)
    #expect(head.positions == [0, 3])
  }

  @Test("a column that nobody asked for stays empty")
  func columns() {
    var head = HeadLedger(number: 0)
    head.append(0..<4, recording: Records())
    #expect(head.count == 4)
    #expect(head.attention.isEmpty)
  }
}
