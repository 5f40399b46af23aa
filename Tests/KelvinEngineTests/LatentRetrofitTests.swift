import Foundation
import KelvinAttention
import KelvinCache
import KelvinCheckpoints
import KelvinEngine
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// The Llama of these tests has 3 layers of 2 KV heads of 16 channels: 64 numbers per token and layer.
@Suite("A conversion makes attention latent")
struct LatentRetrofitTests {
  private static let source = Fixtures.path("llama-gqa")
  /// All that 2 heads of 12 unturned and 16 value channels have.
  private static let allDirections = 56

  private func options(
    _ width: Int, _ basis: LatentConversion.Basis = .weights, calibration: [Int32] = [], evaluation: [Int32] = []
  ) -> ConversionOptions {
    var latent = LatentOptions(LatentConversion(latentWidth: width, turnedChannels: 4, basis: basis))
    (latent.calibration, latent.evaluation) = (calibration, evaluation)
    var options = ConversionOptions()
    options.latent = latent
    options.threads = 1
    return options
  }

  private func logits(_ checkpoint: Checkpoint) throws -> [[Float]] {
    let model = try TestModel(checkpoint)
    var cache = model.cache()
    return try model.read(TinyEngine.prompt(64, seed: 7), into: &cache)
  }

  @Test(
    "the folder computes what the conversion in memory does, bit for bit", arguments: LatentConversion.Basis.allCases)
  func folder(_ basis: LatentConversion.Basis) async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("latent").path
      let tokens = TinyEngine.prompt(100)
      try ModelConversion(
        from: Self.source, to: path, options: options(Self.allDirections, basis, calibration: tokens)
      ).write()
      let original = try CheckpointReader.read(path: Self.source)
      let model = try TestModel(original, exact: false)
      var cache = model.cache(formats: .f16)
      cache.expect(tokens.count)
      var memory = CalibratingMemory(cache)
      _ = try model.model.logits(for: tokens, wanting: .none, memory: &memory, on: model.processor)
      let expected = try LatentConversion(latentWidth: Self.allDirections, turnedChannels: 4, basis: basis)
        .apply(to: original, calibration: memory.calibration)
      #expect(try logits(CheckpointReader.read(path: path)) == logits(expected))
    }
  }

  @Test("a token takes L · (Dc + Dr) numbers, in reports, plans and the model itself", arguments: [1, 24, 56])
  func bytes(_ width: Int) async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("latent").path
      let conversion = try ModelConversion(from: Self.source, to: path, options: options(width))
      try conversion.write()
      let report = try #require(conversion.report.latent)
      #expect(report.numbersBefore == 64 && report.bytesPerTokenBefore == 3 * 64 * 2)
      #expect(report.latentWidth == width && report.rotaryWidth == 8 && report.numbersAfter == width + 8)
      #expect(report.bytesPerTokenAfter == 3 * (width + 8) * 2)
      let layout = try ModelInspection(path: path).description.layout
      #expect(layout.bytesPerToken(formats: EntryFormats()) == report.bytesPerTokenAfter)
      let plan = try CachePlan(layout: layout, options: CacheOptions(), tokens: 64)
      #expect(plan.fullBytes == 64 * report.bytesPerTokenAfter)
    }
  }

  @Test("perplexities are those that scoring finds, of the model as it was and as it is written")
  func perplexity() async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("latent").path
      let tokens = TinyEngine.prompt(90, seed: 3)
      let all = options(20, .activations, calibration: TinyEngine.prompt(400), evaluation: tokens)
      let conversion = try ModelConversion(from: Self.source, to: path, options: all)
      try conversion.write()
      let report = try #require(conversion.report.latent)
      #expect(report.calibrationTokens == 400 && report.evaluationTokens == 90)
      for (model, found) in [(Self.source, report.perplexityBefore), (path, report.perplexityAfter)] {
        let engine = try await Engine(path: model)
        let score = try await engine.score(tokens, prefill: 1)
        // One pass of 90 tokens and 89 passes of one add up in other orders, and round entries to 16 bits.
        #expect(abs(try #require(found) / score.perplexity - 1) < 1e-3)
      }
    }
  }

  @Test("without texts nothing is predicted")
  func silent() throws {
    let report = try ModelConversion(from: Self.source, to: "/nowhere/x", options: options(8)).report.latent
    #expect(report?.perplexityBefore == nil && report?.perplexityAfter == nil && report?.evaluationTokens == 0)
  }

  @Test("a GGUF file holds the same model, and takes every type")
  func gguf() async throws {
    try await Fixtures.withFolder { folder in
      let tokens = TinyEngine.prompt(90, seed: 3)
      var all = options(32, evaluation: tokens)
      let inFolder = try ModelConversion(from: Self.source, to: "/nowhere/x", options: all).report.latent
      let perplexity = try #require(inFolder?.perplexityAfter)
      for type in [nil, WeightFormat.q8_0] {
        all.type = type
        let path = folder.appendingPathComponent("\(type?.rawValue ?? "f32").gguf").path
        let conversion = try ModelConversion(from: Self.source, to: path, options: all)
        try conversion.write()
        let found = try #require(conversion.report.latent?.perplexityAfter) / perplexity
        // Eight bits move a random model's guesses by less than a hundredth.
        #expect(abs(found - 1) < (type == nil ? 1e-4 : 1e-2))
        #expect(try ModelInspection(path: path).description.architecture == "deepseek2")
        #expect(conversion.report.formats.contains { $0.format == (type ?? .f32).rawValue })
      }
    }
  }

  @Test("pooled heads become latents too")
  func pooling() throws {
    var both = options(20, .activations, calibration: TinyEngine.prompt(100), evaluation: TinyEngine.prompt(50))
    both.pooling = HeadPooling(heads: [1])
    let report = try ModelConversion(from: Self.source, to: "/nowhere/x", options: both).report.latent
    #expect(report?.numbersBefore == 64 && report?.numbersAfter == 20 + 4)
    var alone = options(20, evaluation: TinyEngine.prompt(50))
    let original = try ModelConversion(from: Self.source, to: "/nowhere/x", options: alone).report.latent
    // Before is the model as it was read, with all its heads.
    #expect(report?.perplexityBefore == original?.perplexityBefore)
    alone.pooling = both.pooling
    alone.latent?.conversion.latentWidth = 29
    // One head of 12 unturned and 16 value channels has 28.
    #expect(throws: EngineError.self) { try ModelConversion(from: Self.source, to: "/nowhere/x", options: alone) }
  }

  @Test("what is computed keeps the format of its weights, or takes f16 where that has blocks")
  func formats() throws {
    let gguf = Fixtures.path("gguf-llama256/tiny256-Q4_1.gguf")
    let report = try ModelConversion(from: gguf, to: "/nowhere/x.gguf", options: options(8)).report
    // The latent's two projections are new; the query's was there.
    #expect(report.formats.first { $0.format == "f16" }?.tensors == 2)
    let folder = try ModelConversion(from: Self.source, to: "/nowhere/x", options: options(8)).report
    #expect(folder.formats.map(\.format) == ["f32"])
  }

  @Test("texts that cannot do are refused by the option that gave them")
  func texts() {
    let few = TinyEngine.prompt(10)
    let cases: [(ConversionOptions, String)] = [
      (options(8, .activations), "mla-by"), (options(11, calibration: few), "calibrate"),
      (options(8, evaluation: [5]), "eval"),
    ]
    for (options, name) in cases {
      let error = #expect(throws: EngineError.self) {
        try ModelConversion(from: Self.source, to: "/nowhere/x", options: options)
      }
      guard case .invalidOption(name, _, _)? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
    #expect(throws: EngineError.tokenOutsideVocabulary(token: 320, vocabulary: 320)) {
      try ModelConversion(from: Self.source, to: "/nowhere/x", options: options(8, evaluation: [1, 320]))
    }
  }

  @Test("it ends wherever the caller wants no more", arguments: [0, 0.3, 0.6, 0.76])
  func cancelled(_ share: Double) {
    let tokens = TinyEngine.prompt(600)
    #expect(throws: EngineError.cancelled) {
      try ModelConversion(
        from: Self.source, to: "/nowhere/x", options: options(8, .activations, calibration: tokens, evaluation: tokens)
      ) { $0 < share }
    }
  }
}
