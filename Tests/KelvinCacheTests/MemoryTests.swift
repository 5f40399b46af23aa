import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("The memory of a cache has a bound, and what leaves is really gone")
struct MemoryTests {
  private static func tokens(_ count: Int) -> [Int32] {
    var numbers = SeededNumbers(seed: 2)
    return numbers.tokens(count, vocabulary: 320)
  }

  @Test("with reviews between chunks, the pool never holds more than the budget and one chunk, in whole pages")
  func peak() throws {
    let model = try TestModel("llama-gqa")
    let layout = model.cache().layout
    func peak(reviewsChunks: Bool) throws -> Int {
      let pool = PagePool()
      var cache = model.cache(H2O(budget: .entries(192)), pool: pool)
      _ = try model.read(Self.tokens(1024), chunk: 64, reviewsChunks: reviewsChunks, into: &cache)
      #expect(cache.keptPositions.joined().allSatisfy { $0.count == 192 })
      return pool.peakBytes
    }
    let formats = EntryFormats(keys: .f32, values: .f32)
    #expect(try peak(reviewsChunks: true) <= layout.fullBytes(formats: formats, tokens: 192 + 64))
    let whole = layout.fullBytes(formats: formats, tokens: 1024)
    #expect(try peak(reviewsChunks: false) > whole * 3 / 4)
  }

  @Test("a pool that is exhausted in a pass says so, and the cache is that of the tokens before the pass")
  func exhausted() throws {
    let model = try TestModel("llama-gqa")
    let text = Self.tokens(140)
    let page = EntryFormats(keys: .f32, values: .f32).pageShape(of: model.cache().layout.stores[0]).bytes
    // Three layers of two heads: two pages each, and then only one of the three layers gets its third.
    let pool = PagePool(limit: 14 * page)
    var cache = model.cache(pool: pool)
    let expected = try model.read(text, prompt: 100, into: &cache, until: 128)
    #expect(throws: MemoryError.poolExhausted(bytes: 15 * page, limit: 14 * page)) {
      try model.read([text[128]], prompt: 0, into: &cache)
    }
    #expect(cache.seen == 128 && pool.pages == 12)
    #expect(cache.keptPositions.joined().allSatisfy { $0 == Array(0..<128) })
    let report = cache.report(policy: "full", budget: nil)
    #expect(report.bytes == 12 * page && report.evicted == 0)
    var loaded = model.cache()
    try CacheBytes.load(CacheBytes.save(cache, policy: "full"), into: &loaded, policy: "full", on: model.processor)
    try cache.rollback(to: 120)
    #expect(try model.read(Array(text[120..<128]), prompt: 0, into: &cache) == Array(expected[120...]))
    _ = try model.read([text[128]], prompt: 0, into: &loaded)
    #expect(loaded.seen == 129)
  }
}

extension TestModel {
  /// Reads the first `count` of `tokens`.
  fileprivate func read(
    _ tokens: [Int32], prompt: Int, into cache: inout SequenceCache, until count: Int
  ) throws -> [[Float]] {
    try read(Array(tokens.prefix(count)), prompt: prompt, into: &cache)
  }
}
