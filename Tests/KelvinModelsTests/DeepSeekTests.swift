import KelvinCache
import KelvinCheckpoints
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// Latents of queries and none, dense layers and experts with both routers, YaRN with equal and unequal factors.
@Suite("A DeepSeek of random weights gives the logits of the reference")
struct DeepSeekTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var folder: String
    /// `nil`: the folder's own.
    var configuration: String?
    var golden: String
    var tolerance = GoldenCheckpointTests.tolerance
    var testDescription: String { configuration ?? folder }

    init(_ folder: String, configuration: String? = nil) {
      self.folder = folder
      self.configuration = configuration.map { "\(folder)/\($0)" }
      golden = "\(folder)/golden.json"
    }

    /// Another configuration of the folder's weights.
    init(_ folder: String, variant: String, tolerance: Float = GoldenCheckpointTests.tolerance) {
      self.folder = folder
      configuration = "\(folder)/variants/\(variant).config.json"
      golden = "\(folder)/variants/\(variant).golden.json"
      self.tolerance = tolerance
    }

    func checkpoint() throws -> Checkpoint {
      var checkpoint = try CheckpointReader.read(path: Fixtures.path(folder))
      if let configuration {
        checkpoint.metadata = try CheckpointReader.read(configuration: Fixtures.path(configuration)).metadata
      }
      return checkpoint
    }

    func model(threads: Int = 1) throws -> TestModel { try TestModel(checkpoint(), threads: threads) }
  }

  static let folders = ["deepseek-v2-lite-dense", "deepseek-v2-qlora-dense", "deepseek-v2-moe", "deepseek-v3"]
  static let cases =
    folders.map { Case($0) } + folders.map { Case($0, configuration: "config.transformers-5.2.json") } + [
      // Experts count sixteenfold there, and so does rounding, the reference's as well.
      Case("deepseek-v2-moe", variant: "group-limited", tolerance: 2e-4),
      Case("deepseek-v3", variant: "yarn"), Case("deepseek-v3", variant: "yarn-mscale-ratio"),
    ]

  @Test("in one pass, in chunks of 7 and token by token, in both forms of attention", arguments: cases, [40, 7, 1])
  func logits(_ example: Case, chunk: Int) throws {
    let golden: CheckpointGolden = try Fixtures.json(example.golden)
    let model = try example.model()
    for form in [nil, LatentForm.absorbed, .expanded] {
      var cache = model.cache()
      cache.latentForm = form
      let distances = golden.distances(try model.read(golden.tokens, chunk: chunk, into: &cache))
      #expect(distances.logits <= example.tolerance)
      #expect(distances.nll <= Double(example.tolerance))
    }
  }

  @Test("16 greedy tokens, each the same", arguments: cases)
  func greedy(_ example: Case) throws {
    let golden: CheckpointGolden = try Fixtures.json(example.golden)
    let model = try example.model()
    var cache = model.cache()
    #expect(try model.generate(16, after: golden.tokens, into: &cache) == golden.greedy.newTokens)
  }

  @Test("any number of threads gives the same bits", arguments: ["deepseek-v2-moe", "deepseek-v3"])
  func threads(_ folder: String) throws {
    let golden: CheckpointGolden = try Fixtures.json("\(folder)/golden.json")
    let expected = try read(golden.tokens, Case(folder).model())
    for threads in [2, 3] { #expect(try read(golden.tokens, Case(folder).model(threads: threads)) == expected) }
  }

  private func read(_ tokens: [Int32], _ model: TestModel) throws -> [[Float]] {
    var cache = model.cache()
    return try model.read(tokens, into: &cache)
  }
}

/// What the reference's routers chose.
@Suite("Tokens choose the experts that the reference chooses")
struct ExpertRoutingTests {
  struct Golden: Decodable {
    struct Layer: Decodable {
      var experts: [[Int]]
      var lastWeights: [Float]
      enum CodingKeys: String, CodingKey {
        case experts = "expert_ids_sorted_per_token"
        case lastWeights = "weights_last_token_same_order"
      }
    }
    var tokens: [Int32]
    var layers: [Layer]
    enum CodingKeys: String, CodingKey {
      case tokens
      case layers = "moe_routing_per_moe_layer"
    }
  }

  static let cases = DeepSeekTests.cases.filter { $0.folder == "deepseek-v2-moe" || $0.folder == "deepseek-v3" }

  @Test("all tokens of all layers, and the weights of the last", arguments: cases)
  func choices(_ example: DeepSeekTests.Case) throws {
    let golden: Golden = try Fixtures.json(example.golden)
    let test = try example.model()
    let model = try #require(test.model as? DeepSeek)
    var cache = test.cache()
    cache.expect(golden.tokens.count)
    let layers = try model.choices(of: golden.tokens, memory: &cache, on: test.processor).filter { !$0.isEmpty }
    #expect(layers.count == golden.layers.count)
    for (found, expected) in zip(layers, golden.layers) {
      #expect(found.map { $0.map(\.expert) } == expected.experts)
      let weights = try #require(found.last).map(\.weight)
      #expect(greatestDifference(weights, expected.lastWeights) <= example.tolerance)
    }
  }

  /// Scores whose sigmoids are 0.5, 0.6, 0.7 and 0.8 in four groups of one.
  private static let outputs: [Float] = [0, 0.405465, 0.847298, 1.386294]

  private func routing(groups: Int, kept: Int, normalises: Bool = false) throws -> ExpertRouting {
    let checkpoint = try CheckpointReader.read(path: Fixtures.path("deepseek-v3"))
    var routing = try #require(try DeepSeekConfiguration(checkpoint).experts).routing
    (routing.experts, routing.chosen, routing.scale) = (4, 2, 2)
    (routing.groups, routing.keptGroups, routing.normalises) = (groups, kept, normalises)
    return routing
  }

  @Test("the correction chooses but does not weigh")
  func correction() throws {
    let choices = try routing(groups: 1, kept: 1).choices(Self.outputs, correction: [1, 0, 0, 0])
    #expect(choices.map(\.expert) == [0, 3])
    #expect(greatestDifference(choices.map(\.weight), [1, 1.6]) < 1e-5)
  }

  @Test("a group is worth its two best, and only kept groups are chosen from")
  func groups() throws {
    let choices = try routing(groups: 2, kept: 1, normalises: true).choices(Self.outputs, correction: [0.9, 0, 0, 0])
    #expect(choices.map(\.expert) == [0, 1])
    #expect(greatestDifference(choices.map(\.weight), [1 / 1.1, 1.2 / 1.1]) < 1e-5)
  }

  @Test("equal scores choose the smaller number")
  func ties() throws {
    let choices = try routing(groups: 1, kept: 1).choices([1, 1, 1, 1], correction: nil)
    #expect(choices.map(\.expert) == [0, 1])
  }
}
