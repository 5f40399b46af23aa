import KelvinPolicies
import Testing

@Suite("VATP weighs attention by the size of the value")
struct VATPTests {
  private var eight: Ledger {
    var ledger = Ledger(positions: [0, 1, 2, 3, 4, 5, 6, 7], attention: [4, 0.5, 3, 0.25, 2, 0.125, 0, 0])
    ledger.heads[0].valueNorm = [0.01, 8, 1, 20, 0.5, 8, 1, 1]
    return ledger
  }

  @Test("much attention to a small value leaves before little attention to a large one")
  func products() {
    // Products: 0.04, 4, 3, 5, 1, 1, 0, 0.
    var policy = VATP(budget: .entries(4), sinks: 0)
    #expect(policy.survivors(of: eight) == [1, 3, 6, 7])
  }

  @Test("the sinks stay, whatever their product")
  func sinks() {
    var policy = VATP(budget: .entries(4), sinks: 1)
    #expect(policy.survivors(of: eight) == [0, 3, 6, 7])
    var two = VATP(budget: .entries(5), sinks: 2)
    #expect(two.survivors(of: eight) == [0, 1, 3, 6, 7])
  }

  @Test("with values of one size and no sinks it is H2O", arguments: 1...8)
  func equalNorms(_ budget: Int) {
    var ledger = eight
    ledger.heads[0].valueNorm = ContiguousArray(repeating: 2, count: 8)
    var policy = VATP(budget: .entries(budget), sinks: 0)
    var host = H2O(budget: .entries(budget))
    #expect(policy.survivors(of: ledger) == host.survivors(of: ledger))
  }

  @Test("with Scissorhands as its host it weighs the count, and the newest ten stay")
  func scissorhands() {
    var ledger = eight
    ledger.heads[0].attentionCount.append(8, queries: 400)
    for (entry, count) in [5, 1, 3, 1, 9, 1, 0, 0].enumerated() {
      for query in 0..<count { ledger.heads[0].attentionCount.note(1, of: 1, from: query, entry: entry) }
    }
    // Products: 0.05, 8, 3, 20, 4.5, 8, 0, 0.
    var policy = VATP(budget: .entries(4), sinks: 0, recent: 1, host: .scissorhands)
    #expect(policy.survivors(of: ledger) == [1, 3, 5, 7])
    #expect(policy.records == Records(valueNorm: .sum, attentionCount: 400))
    var usual = VATP(budget: .entries(4), sinks: 0, host: .scissorhands)
    #expect(usual.survivors(of: ledger) == [4, 5, 6, 7])
  }

  @Test("with values of one size and no sinks it is then Scissorhands", arguments: 1...8)
  func equalNormsOfScissorhands(_ budget: Int) {
    var ledger = eight
    ledger.heads[0].valueNorm = ContiguousArray(repeating: 2, count: 8)
    ledger.heads[0].attentionCount.append(8, queries: 400)
    for (entry, count) in [5, 1, 3, 1, 9, 1, 0, 0].enumerated() {
      for query in 0..<count { ledger.heads[0].attentionCount.note(1, of: 1, from: query, entry: entry) }
    }
    var policy = VATP(budget: .entries(budget), sinks: 0, recent: 2, host: .scissorhands)
    var host = Scissorhands(budget: .entries(budget), recent: 2)
    #expect(policy.survivors(of: ledger) == host.survivors(of: ledger))
  }

  @Test("it asks for attention and the sum of absolute numbers, not for the length")
  func asks() {
    #expect(VATP(budget: .entries(4)).records == Records(attention: true, valueNorm: .sum))
  }
}
