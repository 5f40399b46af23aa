import Foundation
import KelvinEngine
import Testing

@Suite("GenerationCost")
struct GenerationCostTests {
  /// SmolLM2-135M: 30 layers of 9 query heads of 64.
  let cost = GenerationCost(parameters: 106_203_456, attentionWidth: 17_280)

  @Test("takes parameters and the width of attention over all layers from a model")
  func model() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/llama-gqa")
    let cost = GenerationCost(try ModelInspection(path: folder.path).description)
    // Each of 3 layers: q and o of 64 × 64, k and v of 64 × 32, three of 64 × 48, two norms; and the final norm.
    #expect(cost.parameters == 64_960)
    // 3 layers of 4 query heads of 16.
    #expect(cost.attentionWidth == 192)
  }

  @Test("one token costs the parameters twice with a cache, and attention to itself")
  func oneToken() {
    #expect(cost.operations(tokens: 1, isCached: true) == 212_441_472)
    #expect(cost.operations(tokens: 1, isCached: false) == 106_214_976)
  }

  @Test(
    "grows per doubling from quadratic towards cubic without a cache, from linear towards quadratic with one",
    arguments: zip([512, 1024, 2048, 4096], [(4.21, 2.15), (4.40, 2.29), (4.73, 2.50), (5.23, 2.80)]))
  func growth(tokens: Int, expected: (uncached: Double, cached: Double)) {
    // The table is given to two decimals.
    #expect(abs(cost.growth(doubling: tokens, isCached: false) - expected.uncached) <= 0.005)
    #expect(abs(cost.growth(doubling: tokens, isCached: true) - expected.cached) <= 0.005)
  }
}
