import KelvinPolicies
import Testing

@Suite("H2O keeps the newest entries and those that received most attention")
struct H2OTests {
  private let eight = Ledger(
    positions: [0, 1, 2, 3, 4, 5, 6, 7], attention: [4, 0.5, 3, 0.25, 2, 0.125, 0, 0])

  @Test("half of the budget for the newest, half for the heavy hitters")
  func even() {
    var policy = H2O(budget: .entries(4))
    #expect(policy.survivors(of: eight) == [0, 2, 6, 7])
  }

  @Test("the odd entry goes to the heavy hitters")
  func odd() {
    var policy = H2O(budget: .entries(5))
    #expect(policy.survivors(of: eight) == [0, 2, 4, 6, 7])
  }

  @Test("a budget of one keeps the heaviest entry")
  func one() {
    var policy = H2O(budget: .entries(1))
    #expect(policy.survivors(of: eight) == [0])
  }

  @Test("the recent entries can be counted: none, or all of the budget")
  func recent() {
    var none = H2O(budget: .entries(3), recent: 0)
    #expect(none.survivors(of: eight) == [0, 2, 4])
    var all = H2O(budget: .entries(3), recent: 3)
    #expect(all.survivors(of: eight) == [5, 6, 7])
  }

  @Test("of equal attention the older entry stays")
  func ties() {
    var policy = H2O(budget: .entries(4))
    let even = Ledger(positions: [5, 0, 3, 1, 4, 2], attention: Array(repeating: 1, count: 6))
    #expect(policy.survivors(of: even) == [0, 1, 4, 5])
  }

  @Test("a step evicts the lightest entry outside the window, not the newest")
  func step() {
    var policy = H2O(budget: .entries(4))
    policy.begin(at: .alone, promptLength: 8)
    let five = Ledger(positions: [0, 8, 2, 7, 6], attention: [4, 0, 3, 0, 3.5])
    #expect(policy.survivors(ofBegun: five, at: .step) == [0, 6, 7, 8])
  }

  @Test("a share of the prompt stays what it was when the prompt ended")
  func share() {
    var policy = H2O(budget: .fraction(0.5))
    #expect(policy.survivors(of: eight) == [0, 2, 6, 7])
    let later = Ledger(positions: [0, 2, 6, 7, 8, 9], attention: [4, 3, 0, 0, 0, 0])
    #expect(policy.survivors(ofBegun: later, at: .step) == [0, 2, 8, 9])
  }

  @Test("it acts when it is asked to")
  func moments() {
    var prefill = H2O(budget: .entries(4), when: .prefill)
    #expect(prefill.survivors(of: eight, at: .step).count == 8)
    #expect(prefill.survivors(of: eight, at: .promptChunk).count == 4)
    var decode = H2O(budget: .entries(4), when: .decode)
    #expect(decode.survivors(of: eight, at: .promptEnd).count == 8)
    #expect(decode.survivors(of: eight, at: .step).count == 4)
  }

  /// Eight entries, of which the first received most at first and the third since.
  private func turning(history: Int) -> Ledger {
    var head = HeadLedger(number: 0)
    for query in 0..<8 {
      head.append(Int32(query)..<Int32(query + 1), recording: Records(attentionHistory: history))
      head.attentionHistory.withSums(of: query) { sums in
        sums[query < 5 ? 0 : 2] += 1
        sums[query / 2] += 0.5
      }
    }
    return Ledger(heads: [head], seen: 8)
  }

  @Test("with a history only what the newest queries gave counts")
  func history() {
    var all = H2O(budget: .entries(2), recent: 0, history: 8)
    #expect(all.survivors(of: turning(history: 8)) == [0, 2])
    var three = H2O(budget: .entries(2), recent: 0, history: 3)
    #expect(three.survivors(of: turning(history: 3)) == [2, 3])
    var one = H2O(budget: .entries(3), recent: 1, history: 1)
    #expect(one.survivors(of: turning(history: 1)) == [2, 3, 7])
  }

  @Test("the mean is over the queries that count and have met the entry")
  func historyMean() {
    // Of queries 5, 6 and 7, entry 6 has met two and entry 7 one.
    var head = HeadLedger(number: 0)
    head.append(0..<8, recording: Records(attentionHistory: 3))
    head.attentionHistory.withSums(of: 7) { $0 = [3, 2.75, 0, 0, 0, 0, 1.9, 0.99] }
    let ledger = Ledger(heads: [head], seen: 8)
    var mean = H2O(budget: .entries(3), recent: 0, norm: .mean, history: 3)
    #expect(mean.survivors(of: ledger) == [0, 6, 7])
  }

  @Test("a history of no queries is refused, and without one all queries count")
  func noHistory() throws {
    #expect(try PolicyRegistry.make(PolicySpecification("h2o:history=400")).records == Records(attentionHistory: 400))
    #expect(try PolicyRegistry.make(PolicySpecification("h2o:history=all")).records == Records(attention: true))
    #expect(
      throws: PolicyError.impossible(
        policy: "h2o", option: "history", found: "0", expected: "a count from 1 on, or all")
    ) { try PolicyRegistry.make(PolicySpecification("h2o:history=0")) }
  }

  @Test("it asks for attention, and keeps positions")
  func asks() {
    let policy = H2O(budget: .entries(4))
    #expect(policy.records == Records(attention: true))
    #expect(policy.records.names == ["attention"])
    #expect(policy.places == .original)
  }
}
