import KelvinCache
import KelvinPolicies
import TestSupport
import Testing

@Suite("Attention that is wrong in an easy way is far from the definition")
struct AttentionMistakesTests {
  private let passes = RandomPasses(group: 3, passes: [12] + Array(repeating: 1, count: 8))
  /// A thousand times what the right way may be off.
  private let far = 1000 * AttentionTests.tolerance

  @Test("gaps that are left where ranks should close")
  func gaps() throws {
    var reference = Reference(layout: passes.store, group: passes.group, isCompacted: true)
    var worst = 0.0
    try passes.run(StreamingLLM(budget: .entries(6), isCompacted: false)) { queries, keys, values, result in
      let expected = reference.attend(queries, keys, values, scale: passes.scale)
      worst = max(worst, greatestDifference(result.output.map(Double.init), expected))
      reference.keep(result.ledger.map { Array($0.keys) })
    }
    #expect(worst > far)
  }

  @Test("entries that leave before the step that evicts them has attended")
  func early() throws {
    var reference = Reference(layout: passes.store, group: passes.group, isCompacted: true)
    var step = 0
    try passes.run(StreamingLLM(budget: .entries(6))) { queries, keys, values, result in
      if step > 0 { reference.keep(result.ledger.map { Array($0.keys) }) }
      let expected = reference.attend(queries, keys, values, scale: passes.scale)
      let difference = greatestDifference(result.output.map(Double.init), expected)
      #expect(step == 0 ? difference <= AttentionTests.tolerance : difference > far, "step \(step)")
      reference.keep(result.ledger.map { Array($0.keys) })
      step += 1
    }
  }
}
