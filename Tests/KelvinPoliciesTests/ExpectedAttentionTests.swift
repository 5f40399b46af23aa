import KelvinPolicies
import Testing

@Suite("Expected attention keeps what queries to come will attend to")
struct ExpectedAttentionTests {
  private var six: Ledger {
    var ledger = Ledger(positions: [0, 1, 2, 3, 4, 5])
    ledger.heads[0].expectedAttention = [0, 0.1, 0.4, 0.3, 0.15, 0.05]
    ledger.heads[0].valueNorm = [9, 8, 1, 2, 1, 1]
    return ledger
  }

  @Test("the share that is expected, times the length of the value; sinks and the newest stay")
  func products() {
    // Products: 0, 0.8, 0.4, 0.6, 0.15, 0.05.
    var policy = ExpectedAttention(budget: .entries(4), sinks: 1)
    #expect(policy.survivors(of: six) == [0, 1, 3, 5])
    var authors = ExpectedAttention(budget: .entries(3), sinks: 0, recent: 0)
    #expect(authors.survivors(of: six) == [1, 2, 3])
  }

  @Test("a large epsilon leaves the values to decide")
  func epsilon() {
    // Products: 4.5, 4.8, 0.9, 1.6, 0.65, 0.55.
    var policy = ExpectedAttention(budget: .entries(2), sinks: 0, recent: 0, epsilon: 0.5)
    #expect(policy.survivors(of: six) == [0, 1])
  }

  @Test("it asks for the queries it expects, and for the length of values")
  func asks() throws {
    let policy = try PolicyRegistry.make(PolicySpecification("expected:future=64,sinks=2"))
    #expect(
      policy.records == Records(valueNorm: .length, expectedAttention: ExpectedQueries(future: 64, sinks: 2)))
  }
}
