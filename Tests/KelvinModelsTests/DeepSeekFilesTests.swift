import KelvinAttention
import KelvinCache
import KelvinCheckpoints
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// What the two kinds of files say about a DeepSeek, and what they take.
@Suite("A DeepSeek is read from both kinds of files")
struct DeepSeekFilesTests {
  private func distances(_ checkpoint: Checkpoint, golden name: String) throws -> (logits: Float, nll: Double) {
    let golden: CheckpointGolden = try Fixtures.json(name)
    let model = try TestModel(checkpoint)
    var cache = model.cache()
    return golden.distances(try model.read(golden.tokens, into: &cache))
  }

  @Test(
    "under GGUF's names, with the experts of a layer in one tensor, and up-projections together or apart",
    arguments: DeepSeekTests.folders, [false, true])
  func gguf(folder: String, split: Bool) throws {
    let checkpoint = try GGUFNames.checkpoint(of: folder, splitsUpProjections: split)
    #expect(try distances(checkpoint, golden: "\(folder)/golden.json").logits <= GoldenCheckpointTests.tolerance)
  }

  @Test("with GGUF's numbers of YaRN")
  func yarn() throws {
    var checkpoint = try GGUFNames.checkpoint(of: "deepseek-v3", splitsUpProjections: true)
    checkpoint.metadata["deepseek2.rope.scaling.type"] = .string("yarn")
    checkpoint.metadata["deepseek2.rope.scaling.factor"] = .number(8)
    checkpoint.metadata["deepseek2.rope.scaling.original_context_length"] = .integer(16)
    checkpoint.metadata["deepseek2.rope.scaling.yarn_log_multiplier"] = .number(0.1)
    let golden = "deepseek-v3/variants/yarn.golden.json"
    #expect(try distances(checkpoint, golden: golden).logits <= GoldenCheckpointTests.tolerance)
  }

  @Test(
    "a cache takes L · (Dc + Dr) numbers for each token, in whole pages", arguments: [1, 64, 65],
    [EntryFormat.f32, .f16])
  func bytes(tokens: Int, format: EntryFormat) throws {
    let model = try TestModel("deepseek-v3")
    var cache = model.cache(formats: format)
    var numbers = SeededNumbers(seed: 1)
    _ = try model.read(numbers.tokens(tokens, vocabulary: 320), into: &cache)
    let pages = (tokens + 63) / 64
    let expected = 2 * (24 + 8) * 64 * pages * (format == .f32 ? 4 : 2)
    #expect(cache.report(policy: "full", budget: nil).bytes == expected)
    let formats = EntryFormats(keys: format, values: format)
    #expect(model.model.layout.bytesPerToken(formats: formats) == 2 * (24 + 8) * (format == .f32 ? 4 : 2))
  }

  @Test("the layers of a published configuration, without its weights")
  func published() throws {
    var checkpoint = try CheckpointReader.read(configuration: Fixtures.path("deepseek-v3/config.json"))
    let sizes = [
      "num_hidden_layers": 61, "hidden_size": 7168, "num_attention_heads": 128, "kv_lora_rank": 512,
      "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
      "intermediate_size": 18432, "moe_intermediate_size": 2048, "n_routed_experts": 256, "num_experts_per_tok": 8,
      "n_group": 8, "topk_group": 4, "first_k_dense_replace": 3, "vocab_size": 129_280,
      "num_nextn_predict_layers": 1,
    ]
    for (key, size) in sizes { checkpoint.metadata[key] = .integer(size) }
    let description = try ArchitectureRegistry.describe(checkpoint)
    // 671 billion, as the report says.
    #expect(description.parameters == 671_026_419_200)
    // 37 billion with embedding and head.
    #expect(description.activeParameters == 35_698_939_392)
    #expect(description.layout.bytesPerToken(formats: EntryFormats()) == 61 * 576 * 2)
  }

  private func error(_ changes: [String: MetadataValue], folder: String = "deepseek-v3") throws -> ModelError? {
    var checkpoint = try CheckpointReader.read(path: Fixtures.path(folder))
    checkpoint.metadata.merge(changes) { $1 }
    do {
      _ = try TestModel(checkpoint)
      return nil
    } catch {
      return error as? ModelError
    }
  }

  @Test("what is not computed is refused by its name")
  func refusals() throws {
    let refused: [(String, MetadataValue)] = [
      ("scoring_func", .string("tanh")), ("topk_method", .string("best")), ("moe_layer_freq", .integer(2)),
      ("attention_bias", .bool(true)), ("hidden_act", .string("gelu")), ("quantization_config", .object([:])),
    ]
    for (key, value) in refused {
      guard case .unsupported(_, let found, _, _)? = try error([key: value]) else {
        Issue.record("\(key)")
        continue
      }
      #expect(found == key)
    }
    let second = try error(["norm_topk_prob": .bool(true)], folder: "deepseek-v2-moe")
    guard case .unsupported(_, "norm_topk_prob", "true", ["false"])? = second else {
      Issue.record("norm_topk_prob")
      return
    }
  }

  @Test("sizes that do not fit each other are refused by their names")
  func senseless() throws {
    let refused: [(String, Int)] = [
      ("n_group", 3), ("topk_group", 5), ("num_experts_per_tok", 5), ("qk_rope_head_dim", 7), ("kv_lora_rank", 0),
    ]
    for (key, size) in refused {
      guard case .invalid(_, let found, "\(size)", _)? = try error([key: .integer(size)]) else {
        Issue.record("\(key)")
        continue
      }
      #expect(found == key)
    }
    guard
      case .wrongShape(_, "model.layers.0.self_attn.q_a_proj.weight", _, _, _)? = try error([
        "q_lora_rank": .integer(31)
      ])
    else {
      Issue.record("q_lora_rank")
      return
    }
  }
}
