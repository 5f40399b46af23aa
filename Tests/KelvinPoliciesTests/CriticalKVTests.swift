import KelvinPolicies
import TestSupport
import Testing

@Suite("CriticalKV keeps half by attention, half by what attention and value do to the output")
struct CriticalKVTests {
  private func ledger(outputNorm: ContiguousArray<Float>) -> Ledger {
    var ledger = Ledger(positions: [0, 1, 2, 3, 4, 5, 6, 7], attention: [4, 0.5, 3, 0.25, 2, 0.125, 0, 0])
    ledger.heads[0].outputNorm = outputNorm
    return ledger
  }

  @Test("of four places that the window leaves, two go to attention, two to the product")
  func stages() {
    let ledger = ledger(outputNorm: [0, 8, 0, 40, 1, 100, 1, 1])
    // Attention: 0 and 2. Of the rest, products with attention over 8 queries: 0.5, 1.25, 0.25, 1.57.
    var policy = CriticalKV(budget: .entries(5), recent: 1)
    #expect(policy.survivors(of: ledger) == [0, 2, 3, 5, 7])
  }

  @Test("one place that the window leaves goes to the product")
  func odd() {
    var policy = CriticalKV(budget: .entries(2), recent: 1)
    #expect(policy.survivors(of: ledger(outputNorm: [0, 8, 0, 40, 1, 100, 1, 1])) == [5, 7])
  }

  @Test("where values move the output alike it is H2O", arguments: 1...8)
  func equalNorms(_ budget: Int) {
    let ledger = ledger(outputNorm: ContiguousArray(repeating: 2, count: 8))
    var policy = CriticalKV(budget: .entries(budget))
    var host = H2O(budget: .entries(budget))
    #expect(policy.survivors(of: ledger) == host.survivors(of: ledger))
  }

  @Test("sinks stay and take no place of the first half")
  func sinks() {
    let ledger = ledger(outputNorm: [0, 0.1, 1, 40, 1, 0.1, 1, 1])
    var policy = CriticalKV(budget: .entries(4), sinks: 1, recent: 1)
    // Room for two: 2 by attention, 3 by the product.
    #expect(policy.survivors(of: ledger) == [0, 2, 3, 7])
  }

  @Test("attention that nobody gave counts a little, so that a value of any size can stay")
  func epsilon() {
    var policy = CriticalKV(budget: .entries(1), recent: 0)
    #expect(policy.survivors(of: ledger(outputNorm: [1, 1, 1, 1, 1, 1, 1e6, 1])) == [6])
  }

  /// A prompt's end is judged by the whole rule, which puts all entries in order.
  @Test("in a step the entries leave that the whole rule would let go", arguments: [0, 1, 2], [0, 5, 12])
  func step(sinks: Int, recent: Int) {
    var numbers = SeededNumbers(seed: UInt64(7 + sinks + recent))
    for _ in 0..<200 {
      let count = 14 + Int(numbers.next() % 30)
      let order = (0..<Int32(count)).shuffled(using: &numbers)
      // Few values, so that some tie; norms far apart, so that much attention may mean a small product.
      var ledger = Ledger(positions: order, attention: order.map { _ in Float(numbers.next() % 40) / 16 })
      ledger.heads[0].outputNorm = ContiguousArray(order.map { _ in [0.001, 0.1, 1, 30][Int(numbers.next() % 4)] })
      let surplus = 1 + Int(numbers.next() % 5)
      var policy = CriticalKV(budget: .entries(count - surplus), sinks: sinks, recent: recent)
      #expect(policy.survivors(of: ledger, at: .step) == policy.survivors(of: ledger, at: .promptEnd))
    }
  }
}
