import KelvinCache
import KelvinEngine
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("A score is the likelihood of every token after the prefill")
struct ScoreTests {
  @Test("as computed by hand on the model itself", arguments: ["full", "h2o:budget=16", "streaming:budget=16"])
  func byHand(_ policy: String) async throws {
    let tokens = TinyEngine.prompt(80)
    var options = try TinyEngine.cache(policy)
    options.formats = EntryFormats(keys: .f32, values: .f32)
    let score = try await TinyEngine.make().score(tokens, prefill: 50, options: options)

    let model = try TestModel("llama-gqa")
    var cache = model.cache(try PolicyRegistry.make(options.policy))
    let rows = try model.read(Array(tokens.dropLast()), prompt: 50, into: &cache)
    let nll = (50..<80).map { negativeLogLikelihood(rows[$0 - 1], of: tokens[$0]) }
    #expect(score.nll == nll)
    #expect(score.keptPositions == cache.keptPositions)
    #expect(score.meanNLL == nll.reduce(0, +) / 30)
    #expect(score.kv.seen == 79)
  }

  @Test("there must be a prefill and something to score", arguments: [0, 80, 81])
  func ranges(_ prefill: Int) async throws {
    let engine = try await TinyEngine.make()
    await #expect(
      throws: EngineError.invalidOption(option: "prefill", found: "\(prefill)", expected: "1 to 79, for 80 tokens")
    ) {
      try await engine.score(TinyEngine.prompt(80), prefill: prefill)
    }
  }

  @Test("keys too narrow for a quantised format are refused in one sentence, with and without a cache")
  func narrow() async throws {
    let engine = try await TinyEngine.make()
    let error = EngineError.invalidOption(
      option: "cache-type-k", found: "q8_0 for keys of width 16",
      expected: "a width that is a multiple of 32, or another format")
    for isCached in [true, false] {
      var options = CacheOptions()
      options.formats.keys = .q8_0
      options.isCached = isCached
      await #expect(throws: error) { try await engine.score(TinyEngine.prompt(80), prefill: 40, options: options) }
    }
    #expect(
      error.description == "option 'cache-type-k': q8_0 for keys of width 16 is not possible, expected a width that is "
        + "a multiple of 32, or another format")
  }

  @Test("it ends with what is scored when it is told to")
  func stopping() async throws {
    let score = try await TinyEngine.make().score(TinyEngine.prompt(80), prefill: 40) { $0 < 0.75 }
    #expect(score.nll.count == 20)
  }

  @Test("a bench reads what it says, as often as it says")
  func bench() async throws {
    let engine = try await TinyEngine.make()
    let steps = BenchCase(prompt: 0, generated: 8, depth: 16)
    #expect(steps.name == "tg8 @ d16")
    var result = try await engine.bench(steps, repetitions: 2, options: CacheOptions())
    #expect(result.speeds.count == 2 && result.kv.seen == 24)
    result.speeds = [1, 2, 6]
    #expect(result.median == 2 && result.mean == 3)
    await #expect(throws: EngineError.self) {
      try await engine.bench(BenchCase(prompt: 0, generated: 0, depth: 0), repetitions: 1, options: CacheOptions())
    }
  }
}
