import KelvinPolicies
import Testing

@Suite("Full keeps everything")
struct FullTests {
  @Test("at every moment", arguments: [Moment.promptChunk, .promptEnd, .step])
  func everything(_ moment: Moment) {
    var policy = Full()
    #expect(policy.survivors(of: Ledger(positions: [0, 1, 2]), at: moment) == [0, 1, 2])
  }
}
