import KelvinPolicies
import Testing

@Suite("StreamingLLM keeps the first entries and a window of the newest")
struct StreamingLLMTests {
  private let twelve = Ledger(positions: [9, 4, 11, 0, 2, 7, 1, 3, 10, 5, 8, 6])

  @Test("4 sinks and the rest of the budget")
  func window() {
    var policy = StreamingLLM(budget: .entries(7))
    #expect(policy.survivors(of: twelve) == [0, 1, 2, 3, 9, 10, 11])
  }

  @Test("no sinks, or nothing but sinks")
  func sinks() {
    var none = StreamingLLM(budget: .entries(3), sinks: 0)
    #expect(none.survivors(of: twelve) == [9, 10, 11])
    var only = StreamingLLM(budget: .entries(4), sinks: 4)
    #expect(only.survivors(of: twelve) == [0, 1, 2, 3])
  }

  @Test("a step moves the window by one")
  func step() {
    var policy = StreamingLLM(budget: .entries(5), sinks: 2)
    policy.begin(at: .alone, promptLength: 12)
    #expect(policy.survivors(ofBegun: Ledger(positions: [0, 1, 12, 10, 9, 11]), at: .step) == [0, 1, 10, 11, 12])
  }

  @Test("a budget that holds everything evicts nothing")
  func large() {
    var policy = StreamingLLM(budget: .entries(12))
    #expect(policy.survivors(of: twelve).count == 12)
  }

  @Test("it asks for nothing, and closes ranks unless told otherwise")
  func asks() {
    #expect(StreamingLLM(budget: .entries(8)).records == Records())
    #expect(StreamingLLM(budget: .entries(8)).places == .compacted(sinks: 4))
    #expect(StreamingLLM(budget: .entries(8), isCompacted: false).places == .original)
  }
}
