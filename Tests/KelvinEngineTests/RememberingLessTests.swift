import KelvinAttention
import KelvinCache
import KelvinEngine
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("YOCO, DMC and sinks in an engine")
struct RememberingLessTests {
  struct Golden: Decodable {
    struct Greedy: Decodable { var new_tokens: [Int32] }
    var tokens: [Int32]
    var greedy: Greedy
  }

  private static func engine(_ folder: String) async throws -> Engine {
    var options = Engine.Options()
    options.threads = 1
    options.isExact = true
    return try await Engine(path: Fixtures.path(folder), options: options)
  }

  private static func cache(chunk: Int = 512, isCached: Bool = true) -> CacheOptions {
    var options = CacheOptions()
    options.formats = EntryFormats(keys: .f32, values: .f32)
    options.chunk = chunk
    options.isCached = isCached
    return options
  }

  @Test(
    "the greedy tokens are those of the reference, whether a prompt takes an early exit in chunks or is read anew",
    arguments: ["yoco-swa", "yoco-gret", "dmc-llama", "sink-learned", "sink-zero"],
    [Self.cache(), Self.cache(chunk: 7), Self.cache(chunk: 7, isCached: false)])
  func greedy(_ folder: String, _ options: CacheOptions) async throws {
    let golden = try Fixtures.json("\(folder)/golden.json", as: Golden.self)
    var request = GenerationRequest(prompt: golden.tokens)
    request.maximumTokens = 16
    request.sampling.temperature = 0
    request.ignoresEnd = true
    let engine = try await Self.engine(folder)
    let collected = try await Collected(engine.generate(request, options: options))
    #expect(collected.tokens == golden.greedy.new_tokens)
  }

  @Test("a learned sink is a position and an entry, and no token of the sequence")
  func sink() async throws {
    let golden = try Fixtures.json("sink-learned/golden.json", as: Golden.self)
    let engine = try await Self.engine("sink-learned")
    let session = try await engine.makeSession(Self.cache())
    for turn in 1...2 {
      var request = GenerationRequest(prompt: golden.tokens)
      request.maximumTokens = 1
      _ = try await Collected(engine.generate(request, in: session))
      #expect(await engine.tokens(of: session).count == 40 * turn)
      #expect(await engine.report(of: session).seen == 1 + 40 * turn)
    }
    // 255 tokens and the sink fill a context of 256.
    _ = try await engine.score(TinyEngine.prompt(256), prefill: 255)
    await #expect(throws: EngineError.contextOverflow(tokens: 257, context: 256)) {
      _ = try await engine.score(TinyEngine.prompt(257), prefill: 255)
    }
  }

  @Test("plan, allocator and formula agree to the byte", arguments: [1, 8, 9, 64, 65, 200])
  func windowBytes(tokens: Int) throws {
    let model = try TestModel("yoco-swa")
    let plan = try CachePlan(
      layout: model.model.layout, options: CachePlanTests.options("full", EntryFormats(keys: .f16, values: .f16)),
      tokens: tokens)
    // Keys and values of 16 numbers: 64 bytes an entry, 4096 a page. Two windows of 4 heads, one store of 2.
    #expect(plan.entryBytes == 64 * (2 * 4 * min(tokens, 8) + 2 * tokens))
    #expect(plan.fullBytes == 4096 * (2 * 4 + 2 * ((tokens + 63) / 64)))
    #expect(plan.formula.numbers == "(2 · 256 · \(min(tokens, 8)) + 128 · \(tokens)) · 1")
    let pool = PagePool()
    var cache = model.cache(formats: .f16, pool: pool)
    _ = try model.read(TinyEngine.prompt(tokens), into: &cache)
    #expect(pool.bytes == plan.fullBytes)
    let report = cache.report(policy: "full", budget: nil)
    #expect(report.bytes == plan.fullBytes && report.bytesFull == plan.fullBytes && report.stateBytes == 0)
    #expect(pool.peakBytes <= plan.peakBytes)
  }

  @Test("states take the same bytes at any length, and count", arguments: [1, 64, 65, 200])
  func stateBytes(tokens: Int) throws {
    let model = try TestModel("yoco-gret")
    let plan = try CachePlan(
      layout: model.model.layout, options: CachePlanTests.options("full", EntryFormats(keys: .f16, values: .f16)),
      tokens: tokens)
    // Two layers of 2 heads of 32 × 32 floats; one store of 2 heads.
    #expect(plan.entryBytes == 2 * 2 * 32 * 32 * 4 + 64 * 2 * tokens)
    #expect(plan.fullBytes == 16384 + 4096 * 2 * ((tokens + 63) / 64))
    #expect(plan.formula.numbers == "(128 · \(tokens) + 16384) · 1")
    let pool = PagePool()
    var cache = model.cache(formats: .f16, pool: pool)
    _ = try model.read(TinyEngine.prompt(tokens), into: &cache)
    let report = cache.report(policy: "full", budget: nil)
    #expect(report.bytes == plan.fullBytes && report.stateBytes == 16384)
    #expect(pool.bytes == plan.fullBytes - 16384)
    #expect(cache.states.reduce(0) { $0 + $1.rows * $1.columns * 4 } == 16384)
  }

  @Test("where entries merge a plan is what they take if none does, and the open segments")
  func mergingBytes() throws {
    let model = try TestModel("dmc-llama")
    let plan = try CachePlan(
      layout: model.model.layout, options: CachePlanTests.options("full", EntryFormats(keys: .f16, values: .f16)),
      tokens: 200)
    // Two layers of 2 heads: 12 members of 33 numbers each.
    #expect(plan.formula.numbers == "(2 · 128 · 200 + 6336) · 1")
    #expect(plan.entryBytes == 2 * 128 * 200 + 6336)
    let pool = PagePool()
    var cache = model.cache(formats: .f16, pool: pool)
    _ = try model.read(TinyEngine.prompt(200), into: &cache)
    let report = cache.report(policy: "full", budget: nil)
    #expect(report.bytes == pool.bytes + 6336)
    #expect(report.bytes < plan.fullBytes && report.bytesFull == plan.fullBytes)
  }

  @Test("a budget in bytes pays for states first")
  func budget() throws {
    let model = try TestModel("yoco-gret")
    let options = try CachePlanTests.options("window:budget=32768B", EntryFormats(keys: .f16, values: .f16))
    let plan = try CachePlan(layout: model.model.layout, options: options, tokens: 200)
    // 16384 bytes are left: two pages for each of 2 heads.
    #expect(plan.keptEntries == [128])
    #expect(plan.keptBytes == 32768)
  }

  @Test("an inspection says how layers remember")
  func inspection() throws {
    let window = try ModelInspection(configuration: Fixtures.path("yoco-swa/config.json")).description
    #expect(window.architecture == "yoco" && window.layers == 4)
    #expect(window.layout.stores.map(\.reach) == [.window(8), .window(8), .everything])
    #expect(window.layout.storeOfLayer == [0, 1, 2, 2])
    let retention = try ModelInspection(path: Fixtures.path("yoco-gret"))
    #expect(retention.description.layers == 4)
    #expect(retention.description.layout.states.map(\.heads) == [2, 2])
    #expect(retention.weightBytes == retention.description.parameters * 4)
    let merging = try ModelInspection(path: Fixtures.path("dmc-llama"))
    #expect(merging.description.architecture == "dmc_llama")
    #expect(
      merging.description.layout.stores.map(\.gating) == [
        Gating(window: 12, channel: 15), Gating(window: 12, channel: 15),
      ])
    #expect(merging.weightBytes == merging.description.parameters * 4)
  }
}
