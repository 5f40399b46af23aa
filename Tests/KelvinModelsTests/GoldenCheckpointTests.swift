import KelvinCache
import KelvinCheckpoints
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// What a reference implementation computed on a checkpoint of random weights; `Tests/Fixtures/README.md` says which.
struct CheckpointGolden: Decodable {
  struct Top: Decodable {
    var position: Int
    var ids: [Int]
    var logits: [Float]
  }
  struct Greedy: Decodable {
    var newTokens: [Int32]
    enum CodingKeys: String, CodingKey { case newTokens = "new_tokens" }
  }
  var tokens: [Int32]
  var lastLogits: [Float]
  var top8: [Top]
  var nll: [Double]
  var greedy: Greedy

  enum CodingKeys: String, CodingKey {
    case tokens, top8, nll, greedy
    case lastLogits = "last_logits"
  }

  /// The largest distances to what a model says about `tokens`.
  func distances(_ rows: [[Float]]) -> (logits: Float, nll: Double) {
    var logits = greatestDifference(rows.last ?? [], lastLogits)
    for top in top8 {
      logits = max(logits, greatestDifference(top.ids.map { rows[top.position][$0] }, top.logits))
    }
    let likelihoods = (1..<tokens.count).map { negativeLogLikelihood(rows[$0 - 1], of: tokens[$0]) }
    return (logits, greatestDifference(likelihoods, nll))
  }
}

/// Of Llamas: multi-head, grouped-query and multi-query attention, tied and untied heads, scaled rotary frequencies.
@Suite("A model of random weights gives the logits of the reference")
struct GoldenCheckpointTests {
  /// The references themselves are up to 4e-5 away from 64-bit arithmetic.
  static let tolerance: Float = 1e-4

  struct Case: Sendable, CustomTestStringConvertible {
    var folder: String
    /// `nil`: the folder's own.
    var configuration: String?
    var golden: String
    var testDescription: String { configuration ?? folder }

    init(_ folder: String, configuration: String? = nil, golden: String = "golden.json") {
      self.folder = folder
      self.configuration = configuration.map { "\(folder)/\($0)" }
      self.golden = "\(folder)/\(golden)"
    }
  }

  static let folders = ["llama-mha", "llama-gqa", "llama-mqa", "llama-rope3"]
  static let cases =
    (folders + ["llama-mixed"]).map { Case($0) }
    + folders.map { Case($0, configuration: "config.transformers-5.2.json") }
    + ["linear", "none", "yarn"].map {
      Case("llama-rope3", configuration: "variants/\($0).config.json", golden: "variants/\($0).golden.json")
    }

  @Test("logits, largest logits and likelihoods within 1e-4", arguments: cases)
  func logits(_ example: Case) throws {
    let golden: CheckpointGolden = try Fixtures.json(example.golden)
    let model = try TestModel(example.folder, configuration: example.configuration)
    var cache = model.cache()
    let distances = golden.distances(try model.read(golden.tokens, into: &cache))
    #expect(distances.logits <= Self.tolerance)
    #expect(distances.nll <= Double(Self.tolerance))
  }

  @Test("token by token within 1e-4", arguments: cases)
  func steps(_ example: Case) throws {
    let golden: CheckpointGolden = try Fixtures.json(example.golden)
    let model = try TestModel(example.folder, configuration: example.configuration)
    var cache = model.cache()
    let distances = golden.distances(try model.read(golden.tokens, prompt: 1, into: &cache))
    #expect(distances.logits <= Self.tolerance)
    #expect(distances.nll <= Double(Self.tolerance))
  }

  @Test("16 greedy tokens, each the same", arguments: cases)
  func greedy(_ example: Case) throws {
    let golden: CheckpointGolden = try Fixtures.json(example.golden)
    let model = try TestModel(example.folder, configuration: example.configuration)
    var cache = model.cache()
    #expect(try model.generate(16, after: golden.tokens, into: &cache) == golden.greedy.newTokens)
  }

  @Test("only the rows that are wanted, and those as if all were")
  func wanted() throws {
    let golden: CheckpointGolden = try Fixtures.json("llama-gqa/golden.json")
    let model = try TestModel("llama-gqa")
    for (wanting, rows) in [(LogitRows.none, 0), (.last, 1), (.all, 40)] {
      var cache = model.cache()
      cache.beginPrompt(length: 40)
      cache.expect(40)
      let logits = try model.model.logits(for: golden.tokens, wanting: wanting, memory: &cache, on: model.processor)
      #expect(logits.rows == rows)
      if rows > 0 { #expect(greatestDifference(logits.values(row: rows - 1), golden.lastLogits) <= Self.tolerance) }
    }
  }
}

/// One model of 256 channels in every stored format that Kelvin reads.
@Suite("A GGUF file gives the logits of its dequantised weights")
struct GoldenFormatTests {
  struct Format: Decodable {
    var lastLogits: [Float]
    var top8: [CheckpointGolden.Top]
    var greedy: CheckpointGolden.Greedy

    enum CodingKeys: String, CodingKey {
      case top8, greedy
      case lastLogits = "last_logits"
    }
  }
  struct Golden: Decodable {
    var tokens: [Int32]
    /// Of the unquantised weights, which F16 holds exactly.
    var nll: [Double]
    var types: [String: Format]
  }

  static let types = [
    "F16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
  ]

  private func distance(_ type: String, exact: Bool) throws -> Float {
    let (golden, expected) = try load(type)
    let model = try TestModel("gguf-llama256/tiny256-\(type).gguf", exact: exact)
    var cache = model.cache()
    let rows = try model.read(golden.tokens, into: &cache)
    return expected.top8.reduce(greatestDifference(rows.last ?? [], expected.lastLogits)) { worst, top in
      max(worst, greatestDifference(top.ids.map { rows[top.position][$0] }, top.logits))
    }
  }

  private func load(_ type: String) throws -> (Golden, Format) {
    let golden: Golden = try Fixtures.json("gguf-llama256/golden.json")
    return (golden, try #require(golden.types[type]))
  }

  @Test("in 32-bit floats within 1e-4", arguments: types)
  func exact(_ type: String) throws {
    let distance = try distance(type, exact: true)
    #expect(distance <= GoldenCheckpointTests.tolerance, "\(distance)")
  }

  @Test("in 32-bit floats 16 greedy tokens are the same", arguments: types)
  func greedy(_ type: String) throws {
    let (golden, expected) = try load(type)
    let model = try TestModel("gguf-llama256/tiny256-\(type).gguf")
    var cache = model.cache()
    #expect(try model.generate(16, after: golden.tokens, into: &cache) == expected.greedy.newTokens)
  }

  @Test("F16 holds the original weights exactly")
  func lossless() throws {
    let (golden, expected) = try load("F16")
    let model = try TestModel("gguf-llama256/tiny256-F16.gguf")
    var cache = model.cache()
    let whole = CheckpointGolden(
      tokens: golden.tokens, lastLogits: expected.lastLogits, top8: expected.top8, nll: golden.nll,
      greedy: expected.greedy)
    #expect(whole.distances(try model.read(golden.tokens, into: &cache)).nll <= 1e-4)
  }

  @Test("with int8 activations within the noise of rounding", arguments: types)
  func fast(_ type: String) throws {
    let distance = try distance(type, exact: false)
    #expect(distance <= 0.3, "\(distance)")
  }
}
