import Foundation
import KelvinAttention
import KelvinCache
import KelvinEngine
import KelvinModels
import KelvinPolicies
import KelvinTensors
import Testing

@Suite("CachePlan")
struct CachePlanTests {
  static func options(
    _ policy: String = "full", _ formats: EntryFormats = EntryFormats(), chunk: Int = 512, reviewsChunks: Bool = false
  ) throws -> CacheOptions {
    var options = CacheOptions()
    options.policy = try PolicySpecification(policy)
    options.formats = formats
    options.chunk = chunk
    options.reviewsChunks = reviewsChunks
    return options
  }

  // MARK: Formula

  @Test("a shape of 80 layers and 64 KV heads of 128 takes 20.97 GB for 8 × 1000 tokens, with 8 KV heads an eighth")
  func workedExample() throws {
    let wide = try CachePlan(
      layout: CacheLayout(layers: 80, heads: 64, width: 128), options: Self.options(), tokens: 1000, batch: 8)
    #expect(wide.entryBytes == 20_971_520_000)
    #expect(wide.formula.symbols == "2 · L · H · D · tokens · batch · bytes")
    #expect(wide.formula.numbers == "2 · 80 · 64 · 128 · 1000 · 8 · 2")
    // 1000 tokens lie in 16 pages of 64.
    #expect(wide.fullBytes == 2 * 80 * 64 * 128 * 1024 * 8 * 2)
    let grouped = try CachePlan(
      layout: CacheLayout(layers: 80, heads: 8, width: 128), options: Self.options(), tokens: 1000, batch: 8)
    #expect(grouped.entryBytes == 2_621_440_000)
  }

  @Test("formats of keys and values count apart")
  func formats() throws {
    let plan = try CachePlan(
      layout: CacheLayout(layers: 2, heads: 3, width: 4), options: Self.options("full", EntryFormats(keys: .f32)),
      tokens: 10)
    #expect(plan.entryBytes == 2 * 3 * (4 * 4 + 4 * 2) * 10)
    #expect(plan.formula.numbers == "144 · 10 · 1")
  }

  @Test("a latent is its own value: 61 layers of 512 + 64 numbers take 70 272 bytes per token")
  func latents() throws {
    let store = StoreLayout(heads: 1, keyWidth: 576, values: .prefixOfKey(width: 512), rotary: nil)
    let plan = try CachePlan(layout: CacheLayout(layers: 61, each: store), options: Self.options(), tokens: 1)
    #expect(plan.entryBytes == 70_272)
    #expect(plan.fullBytes == 64 * 70_272)
    #expect(plan.formula.symbols == "L · (Dc + Dr) · tokens · batch · bytes")
    #expect(plan.formula.numbers == "61 · 576 · 1 · 1 · 2")
  }

  @Test("a quantised format counts its scales: 8.5 bits are 1.0625 bytes")
  func quantised() throws {
    let layout = try CacheLayout(layers: 2, heads: 3, width: 64)
    let plan = try CachePlan(
      layout: layout, options: Self.options("full", EntryFormats(keys: .q8_0, values: .q8_0)), tokens: 64)
    #expect(plan.entryBytes == 2 * 2 * 3 * 64 * 64 * 17 / 16)
    #expect(plan.fullBytes == plan.entryBytes)
    #expect(plan.formula.numbers == "2 · 2 · 3 · 64 · 64 · 1 · 1.0625")
    let mixed = try CachePlan(
      layout: layout, options: Self.options("full", EntryFormats(keys: .q8_0, values: .q4_0)), tokens: 64)
    #expect(mixed.entryBytes == 2 * 3 * (68 + 36) * 64)
  }

  @Test("a window counts no more entries than it has, and stores that are alike are one term")
  func windows() throws {
    func store(_ reach: StoreLayout.Reach) -> StoreLayout {
      StoreLayout(heads: 1, keyWidth: 16, values: .stored(width: 16), rotary: nil, reach: reach)
    }
    let mixed = CacheLayout(
      stores: [store(.window(8)), store(.window(8)), store(.everything)], storeOfLayer: [0, 1, 2])
    let plan = try CachePlan(layout: mixed, options: Self.options(), tokens: 100)
    #expect(plan.entryBytes == 2 * 64 * 8 + 64 * 100)
    #expect(plan.formula.numbers == "(2 · 64 · 8 + 64 · 100) · 1")
    let local = try CachePlan(
      layout: CacheLayout(layers: 2, each: store(.window(8))), options: Self.options(), tokens: 100)
    #expect(local.formula.numbers == "(2 · 64 · 8) · 1")
    #expect(local.entryBytes == 1024)
  }

  @Test("KV heads that differ by store are summed; stores that have as many are one term")
  func heads() throws {
    var layout = try CacheLayout(layers: 4, heads: 3, width: 64)
    for (store, heads) in [3, 1, 3, 2].enumerated() { layout.stores[store].heads = heads }
    let plan = try CachePlan(layout: layout, options: Self.options(), tokens: 100, batch: 2)
    #expect(plan.formula.symbols == "2 · (Σ stores H) · D · tokens · batch · bytes")
    #expect(plan.formula.numbers == "2 · (2 · 3 + 1 + 2) · 64 · 100 · 2 · 2" && plan.entryBytes == 460_800)
  }

  @Test("a quantised format that does not fit the width is refused before anything is counted")
  func unfitting() throws {
    #expect(
      throws: EngineError.invalidOption(
        option: "cache-type-v", found: "q4_0 for values of width 48",
        expected: "a width that is a multiple of 32, or another format")
    ) {
      try CachePlan(
        layout: CacheLayout(layers: 2, heads: 3, width: 48),
        options: Self.options("full", EntryFormats(values: .q4_0)), tokens: 64)
    }
  }

  @Test("whole pages are the allocator's", arguments: [1, 63, 64, 65, 1000, 8192])
  func pages(tokens: Int) throws {
    let layout = try CacheLayout(layers: 30, heads: 3, width: 64)
    let formats = EntryFormats(keys: .bf16, values: .f32)
    let plan = try CachePlan(layout: layout, options: Self.options("full", formats), tokens: tokens)
    #expect(plan.fullBytes == layout.fullBytes(formats: formats, tokens: tokens))
    #expect(plan.keptEntries == nil && plan.keptBytes == plan.fullBytes)
    #expect(plan.peakBytes == plan.fullBytes)
  }

  // MARK: The allocator

  @Test(
    "a plan is what a sequence takes, to the byte",
    arguments: ["full", "h2o:budget=20%", "h2o:budget=70", "streaming:budget=64", "streaming:budget=24KiB"],
    [1, 64, 65, 200])
  func allocator(policy: String, tokens: Int) throws {
    let options = try Self.options(policy, EntryFormats(keys: .f16, values: .f32))
    for model in [try TinyModel(), try TinyModel("llama-mixed")] {
      let (report, peak) = try model.read(tokens: tokens, options: options)
      let plan = try CachePlan(layout: model.model.layout, options: options, tokens: tokens)
      #expect(report.bytesFull == plan.fullBytes && report.bytes == plan.keptBytes)
      #expect(report.kept == Double(plan.keptEntries?[0] ?? tokens))
      #expect(peak <= plan.peakBytes)
    }
  }

  @Test(
    "budgets that differ by layer are planned layer by layer, to the byte",
    arguments: ["h2o:budget=30%,layers=pyramid", "l2:budget=70", "l2:budget=70,layers=pyramid,skip=1,every=4"])
  func layers(policy: String) throws {
    for model in [try TinyModel(), try TinyModel("llama-mixed")] {
      for reviewsChunks in [false, true] {
        let options = try Self.options(policy, chunk: 64, reviewsChunks: reviewsChunks)
        let (report, peak) = try model.read(tokens: 256, options: options)
        let plan = try CachePlan(layout: model.model.layout, options: options, tokens: 256)
        #expect(report.bytes == plan.keptBytes && peak <= plan.peakBytes)
        let kept = try #require(plan.keptEntries)
        #expect(Set(kept).count > 1 && kept.min() == report.heads.min && kept.max() == report.heads.max)
      }
    }
  }

  @Test("with reviews between chunks, reading never takes more than the budget and one chunk")
  func peak() throws {
    let options = try Self.options("h2o:budget=64", chunk: 64, reviewsChunks: true)
    let (report, peak) = try TinyModel().read(tokens: 256, options: options)
    let plan = try CachePlan(layout: TinyModel().model.layout, options: options, tokens: 256)
    #expect(plan.peakBytes == 2 * plan.keptBytes)
    #expect(report.bytes == plan.keptBytes)
    #expect(peak > plan.keptBytes && peak <= plan.peakBytes)
  }

  @Test("a policy that acts only in decoding bounds no prompt")
  func decodeOnly() throws {
    let layout = try CacheLayout(layers: 1, heads: 1, width: 2)
    let options = try Self.options("h2o:budget=64,when=decode", chunk: 64, reviewsChunks: true)
    let plan = try CachePlan(layout: layout, options: options, tokens: 640)
    #expect(plan.peakBytes == plan.fullBytes)
  }

  /// In one pass policies choose before anything is quantised; in several, what they keep of older ones already is.
  @Test(
    "a plan counts newest entries in f16 as they lie, to the byte",
    arguments: ["full", "h2o:budget=20%", "h2o:budget=70", "streaming:budget=64", "streaming:budget=100KiB"],
    [24, 64, 1000])
  func residual(policy: String, residual: Int) throws {
    for name in ["llama-rope3", "llama-mixed"] { try check(TinyModel(name), policy, residual: residual) }
  }

  private func check(_ model: TinyModel, _ policy: String, residual: Int) throws {
    let formats = EntryFormats(keys: .q4_0, values: .q8_0, residual: residual)
    for tokens in [1, 64, 65, 200] {
      for chunk in policy == "full" || (residual == 24 && policy == "streaming:budget=64") ? [512, 40] : [512] {
        let options = try Self.options(policy, formats, chunk: chunk)
        let (report, peak) = try model.read(tokens: tokens, options: options)
        let plan = try CachePlan(layout: model.model.layout, options: options, tokens: tokens)
        #expect(report.bytesFull == plan.fullBytes && report.bytes == plan.keptBytes)
        #expect(report.kept == Double(plan.keptEntries?[0] ?? tokens))
        #expect(peak <= plan.peakBytes)
      }
      let options = try Self.options(policy, formats, chunk: 32, reviewsChunks: true)
      let (report, peak) = try model.read(tokens: tokens, options: options)
      let plan = try CachePlan(layout: model.model.layout, options: options, tokens: tokens)
      #expect(report.bytes <= peak && peak <= plan.peakBytes)
    }
  }

  @Test("old and new entries are terms of their own, and one layer at a time holds a chunk in f16")
  func residualTerms() throws {
    let layout = try CacheLayout(layers: 2, heads: 3, width: 64)
    let options = try Self.options("full", EntryFormats(keys: .q4_0, values: .q4_0, residual: 40), chunk: 64)
    let plan = try CachePlan(layout: layout, options: options, tokens: 200)
    #expect(plan.formula.numbers == "(2 · 216 · 160 + 2 · 768 · 40) · 1")
    #expect(plan.entryBytes == 2 * 216 * 160 + 2 * 768 * 40)
    let (old, new) = (64 * 72, 64 * 256)
    #expect(plan.fullBytes == 6 * (3 * old + new))
    // 104 entries of a head on two pages in f16, if the second is begun, and an entry of each head on its way.
    #expect(plan.peakBytes == 3 * (3 * old + new) + 3 * (3 * old + 2 * new) + 3 * old)
    let short = try CachePlan(layout: layout, options: options, tokens: 30)
    #expect(short.formula.numbers == "(2 · 768 · 30) · 1" && short.fullBytes == 6 * new)
    #expect(try CachePlan.longestPrompt(layout: layout, options: options, bytes: plan.peakBytes) == 232)
    #expect(try CachePlan.longestPrompt(layout: layout, options: options, bytes: 1 << 62) != nil)
  }

  @Test("a residual of nothing that is quantised is refused")
  func pointlessResidual() throws {
    let latents = CacheLayout(
      layers: 1, each: StoreLayout(heads: 1, keyWidth: 64, values: .prefixOfKey(width: 32), rotary: nil))
    for (layout, formats, residual) in [
      (try CacheLayout(layers: 2, heads: 3, width: 64), EntryFormats(), 64),
      (latents, EntryFormats(values: .q4_0), 64), (latents, EntryFormats(keys: .q4_0), -1),
      (latents, EntryFormats(keys: .q4_0), 1 << 40),
    ] {
      var formats = formats
      formats.residual = residual
      #expect(throws: EngineError.self) {
        try CachePlan(layout: layout, options: Self.options("full", formats), tokens: 64)
      }
    }
  }

  // MARK: What fits

  @Test("the longest prompt fills whole pages")
  func longestPrompt() throws {
    let layout = try CacheLayout(layers: 30, heads: 3, width: 64)
    let page = layout.fullBytes(formats: EntryFormats(), tokens: 64)
    func longest(_ bytes: Int, batch: Int = 1) throws -> Int? {
      try CachePlan.longestPrompt(layout: layout, options: Self.options(), batch: batch, bytes: bytes)
    }
    #expect(try longest(10 * page) == 640)
    #expect(try longest(10 * page - 1) == 576)
    #expect(try longest(10 * page, batch: 3) == 192)
    #expect(try longest(page - 1) == 0)
    #expect(try longest(-1) == 0)
    var limited = try Self.options()
    limited.limit = 3 * page
    #expect(try CachePlan.longestPrompt(layout: layout, options: limited, batch: 2, bytes: 10 * page) == 192)
  }

  @Test("with a fixed budget and reviews between chunks any length fits, or none")
  func anyLength() throws {
    let layout = try CacheLayout(layers: 2, heads: 1, width: 8)
    let options = try Self.options("streaming:budget=64", chunk: 64, reviewsChunks: true)
    let twoPages = layout.fullBytes(formats: EntryFormats(), tokens: 128)
    #expect(try CachePlan.longestPrompt(layout: layout, options: options, bytes: twoPages) == nil)
    #expect(try CachePlan.longestPrompt(layout: layout, options: options, bytes: twoPages - 1) == 64)
  }

  // MARK: Numbers from outside

  @Test("sizes that no machine can count are refused")
  func overflow() throws {
    let layout = try CacheLayout(layers: 30, heads: 3, width: 64)
    let huge = 1_000_000_000_000_000_000
    for (tokens, batch) in [(huge, 1), (1, huge), (Int.max, Int.max), (0, 1), (1, 0), (-5, 1), (5, -1)] {
      #expect(throws: EngineError.self) {
        try CachePlan(layout: layout, options: Self.options(), tokens: tokens, batch: batch)
      }
    }
    #expect(
      throws: EngineError.invalidOption(
        option: "tokens", found: "1000000000000000000 for each of 1 sequences",
        expected: "bytes that 63 bits can count")
    ) { try CachePlan(layout: layout, options: Self.options(), tokens: huge) }
  }

  @Test("shapes out of range are refused, and the largest ones are counted")
  func shapes() throws {
    for (layers, heads, width) in [(0, 1, 1), (1, -1, 1), (1, 1, Int.max), (65_537, 1, 1)] {
      #expect(throws: EngineError.self) { try CacheLayout(layers: layers, heads: heads, width: width) }
    }
    let largest = try CacheLayout(layers: 1 << 16, heads: 1 << 16, width: 1 << 16)
    let options = try Self.options("full", EntryFormats(keys: .f32, values: .f32))
    #expect(try CachePlan(layout: largest, options: options, tokens: 1).fullBytes == 1 << 57)
    let bytes = try Self.options("h2o:budget=64MiB", EntryFormats(keys: .f32, values: .f32))
    #expect(try CachePlan(layout: largest, options: bytes, tokens: 100).keptEntries?.first == 1)
  }
}
