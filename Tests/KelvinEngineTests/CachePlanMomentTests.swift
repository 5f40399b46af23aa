import KelvinAttention
import KelvinEngine
import Testing

@Suite("A plan asks the policy how heads share, and when it acts")
struct CachePlanMomentTests {
  /// Every head keeps half of the budget as its newest entries; what that leaves may begin pages in few heads or in many.
  @Test(
    "heads that share a budget are planned at their worst: pages of three heads that keep so many together",
    arguments: [
      // 50 of 100 each: three heads begin a second page with 15 more, and one a third with 64 of the 105 that are left.
      ("h2o:budget=100", 7),
      // 32 of 64 each: 33 more begin a second page, twice.
      ("h2o:budget=64", 5),
      // 12 of 25 each: 39 are left, and 53 would begin a page.
      ("h2o:budget=25", 3),
      // A fifth of 64, which is 12: 53 more, twice.
      ("tova:budget=64", 5),
      // All 100 are the newest.
      ("h2o:budget=100,recent=100", 6),
    ])
  func sharing(policy: String, pages: Int) throws {
    let layout = try CacheLayout(layers: 1, heads: 3, width: 8)
    let plan = try CachePlan(layout: layout, options: CachePlanTests.options(policy + ",heads=adaptive"), tokens: 500)
    #expect(plan.keptBytes == pages * 64 * 32)
    #expect(plan.keptIsBound == (policy != "h2o:budget=100,recent=100"))
    let even = try CachePlan(layout: layout, options: CachePlanTests.options(policy), tokens: 500)
    #expect(!even.keptIsBound && even.keptBytes <= plan.keptBytes && even.keptEntries == plan.keptEntries)
    let whole = try CachePlan(layout: layout, options: CachePlanTests.options(policy + ",heads=adaptive"), tokens: 20)
    #expect(!whole.keptIsBound && whole.keptBytes == whole.fullBytes)
  }

  @Test(
    "tokens after the prompt stay or not, as the policy acts: entries of 100 and of 30 more",
    arguments: [
      ("h2o:budget=70", 70, 100), ("h2o:budget=70,when=prefill", 100, 100), ("h2o:budget=70,when=decode", 70, 101),
      ("h2o:budget=70,every=8", 76, 100), ("h2o:budget=70,every=31,when=decode", 130, 130),
      ("h2o:budget=120", 120, 121),
      ("snapkv:budget=70", 100, 100), ("snapkv:budget=70,window=200", 130, 130), ("full", 130, 130),
    ])
  func generated(policy: String, kept: Int, peak: Int) throws {
    let layout = try CacheLayout(layers: 1, heads: 1, width: 8)
    func bytes(_ entries: Int) -> Int { (entries + 63) / 64 * 64 * 32 }
    // The last of 31 tokens is never read.
    let plan = try CachePlan(layout: layout, options: CachePlanTests.options(policy), tokens: 100, generated: 31)
    #expect(plan.tokensRead == 130 && plan.entryBytes == 32 * 130 && plan.fullBytes == bytes(130))
    #expect(plan.keptEntries == (policy == "full" ? nil : [kept]) && plan.keptBytes == bytes(kept))
    #expect(plan.peakBytes == bytes(peak))
    let one = try CachePlan(layout: layout, options: CachePlanTests.options(policy), tokens: 100, generated: 1)
    #expect(
      one.keptBytes == (try CachePlan(layout: layout, options: CachePlanTests.options(policy), tokens: 100)).keptBytes)
    if policy.contains("decode") { #expect(one.keptEntries == [100]) }
  }

  @Test("as many generated tokens as nobody can count are refused")
  func tooMany() throws {
    let layout = try CacheLayout(layers: 1, heads: 1, width: 8)
    for generated in [-1, Int.max] {
      #expect(throws: EngineError.self) {
        try CachePlan(layout: layout, options: CachePlanTests.options(), tokens: 1, generated: generated)
      }
    }
  }
}
