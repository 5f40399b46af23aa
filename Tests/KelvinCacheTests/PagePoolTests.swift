import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestSupport
import Testing

@Suite("The page pool counts what is out, and refuses more than its limit")
struct PagePoolTests {
  private let shape = PageShape(keyWidth: 4, valueWidth: 4, keyFormat: .f32, valueFormat: .f32)

  @Test("a page that comes back is taken again before memory grows")
  func reuse() throws {
    let pool = PagePool()
    for _ in 0..<5 {
      var pages = HeadPages(shape: shape, pool: pool)
      try pages.grow(by: 640)
      #expect(pool.pages == 10)
    }
    #expect(pool.bytes == 0)
    #expect(pool.peakBytes == 10 * shape.bytes)
  }

  @Test("pages of several sizes are counted together")
  func sizes() throws {
    let pool = PagePool()
    var small = HeadPages(shape: shape, pool: pool)
    let wide = PageShape(keyWidth: 64, valueWidth: 32, keyFormat: .f16, valueFormat: .f32)
    var large = HeadPages(shape: wide, pool: pool)
    try small.grow(by: 65)
    try large.grow(by: 1)
    #expect(pool.bytes == 2 * shape.bytes + wide.bytes)
    #expect(pool.pages == 3)
  }

  @Test("the page that would exceed the limit is refused, with both numbers; the others stay")
  func limit() throws {
    let pool = PagePool(limit: 3 * shape.bytes)
    var pages = HeadPages(shape: shape, pool: pool)
    try pages.grow(by: 192)
    // Growing twice refuses twice: a refusal takes nothing.
    for _ in 0..<2 {
      #expect(throws: MemoryError.poolExhausted(bytes: 4 * shape.bytes, limit: 3 * shape.bytes)) {
        try pages.grow(by: 1)
      }
    }
    #expect(pages.count == 192)
    #expect(pool.bytes == 3 * shape.bytes)
    #expect(pool.peakBytes == 3 * shape.bytes)
  }

  @Test("the refusal is one sentence with both numbers and what to do")
  func sentence() {
    #expect(
      MemoryError.poolExhausted(bytes: 5000, limit: 4096).description
        == "the cache needs 5000 bytes and may take 4096; choose a smaller --kv-budget or a larger --kv-limit")
  }
}

@Suite("A cache reports exactly what it holds")
struct CacheReportTests {
  private let layout = CacheLayout(
    layers: 2, each: StoreLayout(heads: 3, keyWidth: 8, values: .stored(width: 4), rotary: nil))

  /// Feeds `rows` random entries to both layers.
  private func feed(_ rows: Int, to cache: inout SequenceCache, _ processor: Processor) throws {
    var numbers = SeededNumbers(seed: 1)
    cache.expect(rows)
    for layer in 0..<2 {
      let keys = processor.tensor(rows: rows, columns: 24, values: numbers.floats(rows * 24))
      let values = processor.tensor(rows: rows, columns: 12, values: numbers.floats(rows * 12))
      _ = try cache.attend(keys, adding: NewEntries(keys: keys, values: values), layer: layer, scale: 1)
    }
  }

  @Test("entries, evictions, pages and bytes, before and after a review")
  func numbers() throws {
    let processor = try Processor(threads: 1)
    let pool = PagePool()
    let page = 64 * (8 + 4) * 2
    var cache = SequenceCache(
      layout: layout, formats: EntryFormats(), policy: H2O(budget: .entries(64)), pool: pool)
    cache.beginPrompt(length: 130)
    try feed(100, to: &cache, processor)
    var report = cache.report(policy: "h2o:budget=64", budget: "64")
    #expect(report.kept == 100 && report.evicted == 0 && report.seen == 100)
    #expect(report.pages == 12 && report.bytes == 12 * page && report.bytesFull == 12 * page)
    try feed(30, to: &cache, processor)
    report = cache.report(policy: "h2o:budget=64", budget: "64")
    #expect(report.kept == 64 && report.evicted == 6 * 66 && report.seen == 130)
    #expect(report.pages == 6 && report.bytes == 6 * page && report.bytesFull == 18 * page)
    #expect(report.heads.min == 64 && report.heads.max == 64)
    #expect(pool.bytes == report.bytes)
    // The last layer's three heads had three pages each while the first had one.
    #expect(pool.peakBytes == (3 * 3 + 3 * 2) * page)
    #expect(report.policy == "h2o:budget=64" && report.budget == "64" && report.format == "f16")
  }

  @Test("the full cache's bytes are known before a token is read")
  func full() {
    let formats = EntryFormats(keys: .f32, values: .bf16)
    #expect(formats.description == "f32/bf16")
    #expect(layout.bytesPerToken(formats: formats) == 6 * (8 * 4 + 4 * 2))
    #expect(layout.fullBytes(formats: formats, tokens: 0) == 0)
    #expect(layout.fullBytes(formats: formats, tokens: 64) == 64 * layout.bytesPerToken(formats: formats))
    #expect(layout.fullBytes(formats: formats, tokens: 65) == 128 * layout.bytesPerToken(formats: formats))
  }

  @Test(
    "bits per number count the scales, and weigh keys and values by their widths",
    arguments: [
      (EntryFormats(), 16.0), (EntryFormats(keys: .q8_0, values: .q8_0), 8.5),
      (EntryFormats(keys: .q4_0, values: .q4_0), 4.5), (EntryFormats(keys: .q8_0, values: .q4_0), 7.5),
    ])
  func bits(_ formats: EntryFormats, expected: Double) {
    let layout = CacheLayout(
      layers: 2, each: StoreLayout(heads: 3, keyWidth: 96, values: .stored(width: 32), rotary: nil))
    #expect(layout.bitsPerNumber(formats: formats) == expected)
    #expect(layout.fullBytes(formats: formats, tokens: 65) * 8 == Int(6 * 128 * 128 * expected))
    let cache = SequenceCache(layout: layout, formats: formats, policy: Full(), pool: PagePool())
    #expect(cache.report(policy: "full", budget: nil).bitsPerNumber == expected)
  }

  @Test("a pass that does not fit throws, and the pool never holds more than its limit")
  func limit() throws {
    let processor = try Processor(threads: 1)
    let page = 64 * (8 + 4) * 2
    let pool = PagePool(limit: 7 * page)
    var cache = SequenceCache(layout: layout, formats: EntryFormats(), policy: Full(), pool: pool)
    cache.beginPrompt(length: 64)
    try feed(64, to: &cache, processor)
    #expect(throws: MemoryError.poolExhausted(bytes: 8 * page, limit: 7 * page)) {
      try feed(1, to: &cache, processor)
    }
    #expect(pool.peakBytes <= 7 * page)
  }
}
