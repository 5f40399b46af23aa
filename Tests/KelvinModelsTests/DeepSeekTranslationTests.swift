import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("A DeepSeek in the names of the other style")
struct DeepSeekTranslationTests {
  /// All but the one that GGUF has no key for.
  static let cases = DeepSeekTests.cases.filter { $0.configuration?.contains("mscale-ratio") != true }
  static let withExperts = ["deepseek-v2-moe", "deepseek-v3"]

  private func translate(_ checkpoint: Checkpoint, _ style: Checkpoint.Style) throws -> Checkpoint {
    try ArchitectureRegistry.conversion(of: checkpoint).translate(checkpoint, to: style)
  }

  private func read(_ folder: String) throws -> Checkpoint { try CheckpointReader.read(path: Fixtures.path(folder)) }

  private func distance(_ checkpoint: Checkpoint, golden name: String) throws -> Float {
    let golden: CheckpointGolden = try Fixtures.json(name)
    let model = try TestModel(checkpoint)
    var cache = model.cache()
    return golden.distances(try model.read(golden.tokens, into: &cache)).logits
  }

  private func expectEqual(_ found: Checkpoint, _ expected: Checkpoint) {
    #expect(Set(found.tensors.keys) == Set(expected.tensors.keys))
    for (name, tensor) in expected.tensors {
      #expect(found.tensors[name]?.name == name && found.tensors[name]?.shape == tensor.shape, "\(name)")
      #expect(found.tensors[name]?.bytes() == tensor.bytes(), "\(name)")
    }
  }

  @Test("has the logits of the reference, there and back, and comes back as the same bytes", arguments: cases)
  func roundTrip(_ example: DeepSeekTests.Case) throws {
    let original = try example.checkpoint()
    let gguf = try translate(original, .gguf)
    #expect(try distance(gguf, golden: example.golden) <= example.tolerance)
    let back = try translate(gguf, .huggingFace)
    expectEqual(back, original)
    #expect(try distance(back, golden: example.golden) <= example.tolerance)
    let found = try DeepSeekConfiguration(back)
    var expected = try DeepSeekConfiguration(original)
    // The multiplier of YaRN's logarithm is a 32-bit float in GGUF.
    #expect(abs(found.attentionScale / expected.attentionScale - 1) < 1e-6)
    expected.attentionScale = found.attentionScale
    #expect(found == expected)
  }

  @Test("is what llama.cpp's converter would write", arguments: DeepSeekTests.folders)
  func names(_ folder: String) throws {
    let gguf = try translate(read(folder), .gguf)
    let expected = try GGUFNames.checkpoint(of: folder, splitsUpProjections: true)
    expectEqual(gguf, expected)
    // A model without experts says nothing about them.
    let hasExperts = Self.withExperts.contains(folder)
    for (key, value) in expected.metadata where hasExperts || !key.contains("expert_") {
      #expect(
        gguf.metadata[key] == value || gguf.metadata[key]?.number.map(Float.init) == value.number.map(Float.init),
        "\(key)")
    }
    #expect(gguf.metadata["deepseek2.attention.head_count_kv"] == .integer(1))
    #expect(gguf.metadata["deepseek2.expert_feed_forward_length"] == .integer(hasExperts ? 16 : 48))
    // llama.cpp wants it of most models; 0 is none.
    let latent = folder == "deepseek-v3" || folder == "deepseek-v2-qlora-dense" ? 32 : 0
    #expect(gguf.metadata["deepseek2.attention.q_lora_rank"] == .integer(latent))
  }

  @Test("every key of the model comes back as it was", arguments: withExperts)
  func keys(_ folder: String) throws {
    let original = try read(folder)
    let back = try translate(translate(original, .gguf), .huggingFace)
    let others = ["attention_dropout", "bos_token_id", "eos_token_id", "torch_dtype", "use_cache"]
    for (key, value) in original.metadata where !others.contains(key) {
      #expect(
        back.metadata[key] == value || back.metadata[key]?.number == value.number && value.number != nil, "\(key)")
    }
  }

  @Test("without experts it is called a third version, whose YaRN other programs compute in full")
  func dense() throws {
    let back = try translate(translate(read("deepseek-v2-lite-dense"), .gguf), .huggingFace)
    #expect(back.metadata["model_type"] == .string("deepseek_v3"))
    #expect(back.metadata["q_lora_rank"] == .null && back.metadata["n_routed_experts"] == nil)
  }

  @Test("YaRN comes back number by number, with the multipliers that were published", arguments: [0.707, 1])
  func yarn(_ multiplier: Double) throws {
    var original = try DeepSeekTests.Case("deepseek-v3", variant: "yarn").checkpoint()
    let scaling: [String: MetadataValue] = [
      "type": .string("yarn"), "factor": .number(8), "beta_fast": .number(32), "beta_slow": .number(1),
      "mscale": .number(multiplier), "mscale_all_dim": .number(multiplier),
      "original_max_position_embeddings": .integer(16),
    ]
    original.metadata["rope_scaling"] = .object(scaling)
    let gguf = try translate(original, .gguf)
    #expect(gguf.metadata["deepseek2.rope.scaling.yarn_log_multiplier"] == .number(Double(Float(0.1 * multiplier))))
    #expect(try translate(gguf, .huggingFace).metadata["rope_scaling"] == .object(scaling))
    var plain = gguf
    plain.metadata["deepseek2.rope.scaling.yarn_log_multiplier"] = nil
    let back = try translate(plain, .huggingFace)
    #expect(try DeepSeekConfiguration(back).rotary == DeepSeekConfiguration(plain).rotary)
    #expect(try DeepSeekConfiguration(back).attentionScale == DeepSeekConfiguration(plain).attentionScale)
  }

  @Test("files with up-projections of keys and values in one become the same folder", arguments: DeepSeekTests.folders)
  func joined(_ folder: String) throws {
    let gguf = try GGUFNames.checkpoint(of: folder, splitsUpProjections: false)
    #expect(gguf.tensors["blk.0.attn_k_b.weight"] == nil)
    expectEqual(try translate(gguf, .huggingFace), try read(folder))
  }

  /// Rows whose turned channels, 8 behind `plain` in every head, are halves and not neighbours.
  private func halves(_ tensor: StoredTensor, behind plain: Int) throws -> StoredTensor {
    let (numbers, columns) = (try tensor.floats(), tensor.shape[1])
    let order = [0, 2, 4, 6, 1, 3, 5, 7]
    let rows = (0..<tensor.shape[0]).map { row in
      let (head, channel) = row.quotientAndRemainder(dividingBy: plain + 8)
      return channel < plain ? row : head * (plain + 8) + plain + order[channel - plain]
    }
    return tensor.replacing(rows.flatMap { numbers[$0 * columns..<($0 + 1) * columns] })
  }

  @Test("rotary pairs that are halves become neighbours", arguments: DeepSeekTests.folders)
  func pairs(_ folder: String) throws {
    let original = try read(folder)
    var source = original
    source.metadata["rope_interleave"] = .bool(false)
    for (name, tensor) in original.tensors {
      if name.hasSuffix("q_proj.weight") || name.hasSuffix("q_b_proj.weight") {
        source.tensors[name] = try halves(tensor, behind: 16)
      } else if name.hasSuffix("kv_a_proj_with_mqa.weight") {
        source.tensors[name] = try halves(tensor, behind: 24)
      }
    }
    #expect(try distance(source, golden: "\(folder)/golden.json") <= GoldenCheckpointTests.tolerance)
    expectEqual(try translate(source, .gguf), try translate(original, .gguf))
  }

  @Test("experts in blocks keep their bits, in one tensor and apart, and keys are transposed as numbers")
  func blocks() throws {
    let processor = try Processor(threads: 1)
    var gguf = try translate(read("deepseek-v3"), .gguf)
    let name = "blk.1.ffn_gate_exps.weight"
    gguf.tensors[name] = gguf.tensors[name]?.converted(to: .q8_0, processor: processor)
    let whole = try #require(gguf.tensors[name])
    let folder = try translate(gguf, .huggingFace)
    let parts = (0..<8).compactMap { folder.tensors["model.layers.1.mlp.experts.\($0).gate_proj.weight"] }
    #expect(parts.allSatisfy { $0.format == .q8_0 && $0.shape == [16, 64] })
    #expect(ContiguousArray(parts.flatMap { $0.bytes() }) == whole.bytes())
    let again = try #require(try translate(folder, .gguf).tensors[name])
    #expect(again.format == .q8_0 && again.bytes() == whole.bytes())
    var mixed = folder
    let first = "model.layers.1.mlp.experts.0.gate_proj.weight"
    mixed.tensors[first] = mixed.tensors[first]?.converted(to: .f16, processor: processor)
    #expect(try translate(mixed, .gguf).tensors[name]?.format == .f32)
  }

  @Test("layers behind the last are left out, which is said")
  func extraLayers() throws {
    var source = try read("deepseek-v3")
    source.metadata["num_nextn_predict_layers"] = .integer(1)
    source.tensors["model.layers.2.eh_proj.weight"] = source.tensors["model.norm.weight"]
    let conversion = try ArchitectureRegistry.conversion(of: source)
    #expect(try conversion.omissions(of: source).map { $0.contains("num_nextn_predict_layers") } == [true])
    expectEqual(try conversion.translate(source, to: .gguf), try translate(read("deepseek-v3"), .gguf))
    #expect(try conversion.omissions(of: read("deepseek-v3")) == [])
  }

  @Test("latents that were made of KV heads stay the same model", arguments: ["llama-gqa", "llama-mha"])
  func retrofit(_ folder: String) throws {
    let conversion = LatentConversion(latentWidth: 20, turnedChannels: 4)
    let latent = try conversion.apply(to: read(folder))
    let gguf = try translate(latent, .gguf)
    let back = try translate(gguf, .huggingFace)
    #expect(gguf.metadata["kelvin.rotary_frequencies"] == latent.metadata["kelvin.rotary_frequencies"])
    #expect(back.metadata["kelvin.plain_latents"] == .bool(true))
    var numbers = SeededNumbers(seed: 2)
    let tokens = numbers.tokens(40, vocabulary: 320)
    let logits = try [latent, gguf, back].map { checkpoint in
      let model = try TestModel(checkpoint)
      var cache = model.cache()
      return try model.read(tokens, into: &cache)
    }
    #expect(logits[1] == logits[0] && logits[2] == logits[0])
    expectEqual(back, latent)
  }

  // MARK: Refusals

  private func refusal(_ checkpoint: Checkpoint, _ style: Checkpoint.Style) -> String {
    do {
      _ = try translate(checkpoint, style)
      return "nothing"
    } catch {
      return "\(error)"
    }
  }

  @Test("a magnitude of turned channels is refused by its key")
  func magnitude() throws {
    let example = DeepSeekTests.Case("deepseek-v3", variant: "yarn-mscale-ratio")
    #expect(
      refusal(try example.checkpoint(), .gguf).contains(
        "'rope_scaling.mscale' is another than mscale_all_dim, so that turned channels are multiplied by 1.0545"))
  }

  @Test("routers that the other style cannot state are refused by their keys")
  func routers() throws {
    var best = try read("deepseek-v3")
    best.metadata["topk_method"] = .string("group_limited_greedy")
    best.tensors["model.layers.1.mlp.gate.e_score_correction_bias"] = nil
    #expect(refusal(best, .gguf).contains("'topk_method' is sigmoid without a correction, in groups"))
    var corrected = try translate(read("deepseek-v3"), .gguf)
    corrected.metadata["deepseek2.expert_gating_func"] = .integer(1)
    #expect(
      refusal(corrected, .huggingFace).contains(
        "'deepseek2.expert_gating_func' is softmax with a correction, in groups"))
    var normalised = try translate(read("deepseek-v2-moe"), .gguf)
    normalised.metadata["deepseek2.expert_weights_norm"] = .bool(true)
    #expect(refusal(normalised, .huggingFace).contains("'norm_topk_prob' is true, supported: false"))
  }

  @Test("latents have no KV heads to pool", arguments: [Checkpoint.Style.huggingFace, .gguf])
  func pooling(_ style: Checkpoint.Style) throws {
    let checkpoint = try translate(read("deepseek-v3"), style)
    let error = #expect(throws: ModelError.self) { try HeadPooling(heads: [1]).apply(to: checkpoint) }
    guard case .unsuitableRetrofit(_, "kv-heads", _, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("a file that is not a whole model is refused before anything is made of it")
  func broken() throws {
    var checkpoint = try read("deepseek-v3")
    checkpoint.tensors["model.layers.1.mlp.experts.3.up_proj.weight"] = nil
    #expect(
      throws: ModelError.missingTensor(
        model: "deepseek-v3", tensor: "model.layers.1.mlp.experts.3.up_proj.weight")
    ) { try translate(checkpoint, .gguf) }
  }
}
