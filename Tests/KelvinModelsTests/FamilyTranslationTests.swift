import KelvinAttention
import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// A family's golden checkpoint, and the GGUF file that llama.cpp's converter would make of it, written out by hand.
struct FamilyTranslation: Sendable, CustomTestStringConvertible {
  var golden: FamilyGolden
  var family: DecoderFamily
  var architecture: String
  /// GGUF's keys, besides those that all families have.
  var facts: [String: MetadataValue] = [:]
  /// Parts that the family calls otherwise.
  var names: [String: String] = [:]
  var gainOffset: Float = 0

  var testDescription: String { golden.testDescription }

  static let all: [Self] =
    FamilyGolden.all("qwen2").map { Self(golden: $0, family: .qwen2, architecture: "qwen2") }
    + FamilyGolden.all("qwen3").map { Self(golden: $0, family: .qwen3, architecture: "qwen3") }
    + FamilyGolden.all("olmo2").map {
      Self(
        golden: $0, family: .olmo2, architecture: "olmo2", names: ["post_attention_layernorm": "post_attention_norm"])
    }
    + (FamilyGolden.all("gpt2") + FamilyGolden.all("gpt2-hubnames")).map {
      Self(golden: $0, family: .gpt2, architecture: "gpt2")
    }
    + FamilyGolden.all("phi3").map {
      Self(
        golden: $0, family: .phi3, architecture: "phi3",
        facts: ["rope.dimension_count": .integer(8), "attention.sliding_window": .integer(0)])
    }
    + FamilyGolden.all("phi3", variants: ["full-rotary-swa16"]).suffix(1).map {
      Self(
        golden: $0, family: .phi3, architecture: "phi3",
        facts: ["rope.dimension_count": .integer(16), "attention.sliding_window": .integer(16)])
    }
    + FamilyGolden.all("gemma3-text").map {
      Self(
        golden: $0, family: .gemma3, architecture: "gemma3",
        facts: [
          "attention.sliding_window": .integer(8), "attention.sliding_window_pattern": .integer(2),
          "rope.freq_base_swa": .number(10_000), "rope.scaling.type": .string("linear"),
          "rope.scaling.factor": .number(8),
        ], names: ["post_attention_layernorm": "post_attention_norm"], gainOffset: 1)
    }
    + [
      Self(
        golden: Gemma2Tests.golden, family: .gemma2, architecture: "gemma2",
        facts: [
          "attention.sliding_window": .integer(8), "attn_logit_softcapping": .number(2),
          "final_logit_softcapping": .number(6),
        ], names: ["post_attention_layernorm": "post_attention_norm"], gainOffset: 1)
    ]

  /// The checkpoint at the scale of scores that GGUF implies, which the Gemmas' is not: their queries make up for it.
  func checkpoint() throws -> Checkpoint {
    var checkpoint = try golden.checkpoint()
    guard checkpoint.metadata["query_pre_attn_scalar"] != nil else { return checkpoint }
    checkpoint.metadata["query_pre_attn_scalar"] = .integer(16)
    let factor = Float((16.0 / 24.0).squareRoot())
    let part = architecture == "gemma2" ? "q_proj.weight" : "q_norm.weight"
    for (name, tensor) in checkpoint.tensors where name.hasSuffix(part) {
      let offset: Float = tensor.shape.count == 1 ? 1 : 0
      checkpoint.tensors[name] = tensor.replacing(try tensor.floats().map { ($0 + offset) * factor - offset })
    }
    return checkpoint
  }

  /// The same in GGUF's names, keys and forms.
  func handWritten() throws -> Checkpoint {
    var checkpoint = try checkpoint()
    for (name, tensor) in checkpoint.tensors {
      checkpoint.tensors[name] = nil
      // Old files of GPT-2 have no prefix, and masks.
      if tensor.shape.count == 4 { continue }
      let usual = architecture == "gpt2" && !name.hasPrefix("transformer.") ? "transformer." + name : name
      checkpoint.tensors[usual] = tensor
      checkpoint.tensors[usual]?.name = usual
    }
    return try checkpoint.ggufStyle(architecture, facts, names: names) { tensor in
      if tensor.name.hasSuffix("norm.weight"), gainOffset != 0 {
        return tensor.replacing(try tensor.floats().map { $0 + gainOffset })
      }
      guard architecture == "gpt2", tensor.name.hasPrefix("blk."), tensor.shape.count == 2 else { return tensor }
      let (rows, columns) = (tensor.shape[0], tensor.shape[1])
      let numbers = try tensor.floats()
      let turned = (0..<columns).flatMap { column in (0..<rows).map { numbers[$0 * columns + column] } }
      return tensor.replacing(turned, shape: [columns, rows])
    }
  }
}

@Suite("Every family in the names of the other style")
struct FamilyTranslationTests {
  private func translate(_ checkpoint: Checkpoint, _ style: Checkpoint.Style) throws -> Checkpoint {
    try ArchitectureRegistry.conversion(of: checkpoint).translate(checkpoint, to: style)
  }

  @Test(
    "is what a converter would write: names, keys, forms, and the logits of the reference",
    arguments: FamilyTranslation.all)
  func gguf(_ example: FamilyTranslation) throws {
    let gguf = try translate(example.checkpoint(), .gguf)
    let expected = try example.handWritten()
    for (key, value) in expected.metadata where value != .null {
      #expect(
        gguf.metadata[key] == value || gguf.metadata[key]?.number.map(Float.init) == value.number.map(Float.init),
        "\(key)")
    }
    #expect(Set(gguf.tensors.keys) == Set(expected.tensors.keys))
    for (name, tensor) in expected.tensors {
      #expect(gguf.tensors[name]?.shape == tensor.shape, "\(name)")
      #expect(gguf.tensors[name]?.bytes() == tensor.bytes(), "\(name)")
    }
    try example.golden.check(gguf)
  }

  @Test("comes back with the same configuration and the same bytes", arguments: FamilyTranslation.all)
  func back(_ example: FamilyTranslation) throws {
    let original = try example.checkpoint()
    let back = try translate(translate(original, .gguf), .huggingFace)
    #expect(back.metadata["model_type"] == original.metadata["model_type"])
    #expect(back.metadata["architectures"] == original.metadata["architectures"])
    var expected = try example.family.configuration(of: original)
    // Old files of GPT-2 get the names of new ones.
    expected.names = try example.family.configuration(of: back).names
    #expect(try example.family.configuration(of: back) == expected)
    for (name, tensor) in original.tensors where tensor.shape.count < 4 {
      let usual = back.tensors[name] == nil ? "transformer." + name : name
      let returned = try #require(back.tensors[usual])
      if example.gainOffset != 0, tensor.shape.count == 1 {
        // 1 is added and taken away again: one rounding of numbers below 4.
        #expect(greatestDifference(Array(returned.numbers()), Array(tensor.numbers())) <= 0x1p-22, "\(name)")
      } else {
        #expect(returned.bytes() == tensor.bytes(), "\(name)")
      }
    }
    try example.golden.check(back)
  }

  @Test("a Mistral without windows becomes a `llama`, with the same rows as one")
  func mistral() throws {
    let golden = FamilyGolden.all("mistral-swa", variants: ["full"])[2]
    let original = try golden.checkpoint()
    let gguf = try translate(original, .gguf)
    #expect(gguf.metadata["general.architecture"] == .string("llama"))
    try golden.check(gguf)
    var llama = original
    llama.metadata["model_type"] = .string("llama")
    let expected = try translate(llama, .gguf)
    #expect(expected.metadata == gguf.metadata && Set(expected.tensors.keys) == Set(gguf.tensors.keys))
    for (name, tensor) in expected.tensors { #expect(gguf.tensors[name]?.bytes() == tensor.bytes(), "\(name)") }
    let back = try translate(gguf, .huggingFace)
    for (name, tensor) in original.tensors { #expect(back.tensors[name]?.bytes() == tensor.bytes(), "\(name)") }
    try golden.check(back)
  }

  @Test("LongRoPE's two lists become tensors, and come back")
  func longRope() throws {
    let golden = FamilyGolden.all("phi3", variants: ["longrope-long"])[2]
    let original = try golden.checkpoint()
    let gguf = try translate(original, .gguf)
    #expect(gguf.tensors["rope_factors_long.weight"]?.numbers() == [1.5, 2, 3, 4])
    #expect(gguf.tensors["rope_factors_short.weight"]?.numbers() == [1, 1.05, 1.1, 1.3])
    #expect(gguf.metadata["phi3.rope.scaling.original_context_length"] == .integer(32))
    try golden.check(gguf)
    let back = try translate(gguf, .huggingFace)
    #expect(back.metadata["original_max_position_embeddings"] == .integer(32))
    #expect(try DecoderFamily.phi3.configuration(of: back) == DecoderFamily.phi3.configuration(of: original))
  }

  @Test("YaRN is stated in both styles")
  func yarn() throws {
    let golden = FamilyGolden.all("llama-rope3", variants: ["yarn"])[2]
    let original = try golden.checkpoint()
    let gguf = try translate(original, .gguf)
    #expect(gguf.metadata["llama.rope.scaling.type"] == .string("yarn"))
    try golden.check(gguf)
    try golden.check(translate(gguf, .huggingFace))
  }

  static let unstated: [(folder: String, key: String, value: MetadataValue, message: String)] = [
    ("qwen2", "use_sliding_window", .bool(true), "'sliding_window' is 256 in layers 1, supported: none"),
    ("mistral-swa", "sliding_window", .integer(12), "'sliding_window' is 12 in layers 0, 1, supported: none"),
    ("gemma3-text", "query_pre_attn_scalar", .integer(24), "'query_pre_attn_scalar' is 24.0, supported: 16.0"),
    ("gemma2", "query_pre_attn_scalar", .integer(24), "'query_pre_attn_scalar' is 24.0, supported: 16.0"),
    ("sink-zero", "softmax_off_by_one", .bool(true), "'softmax_off_by_one' is true, supported: false"),
    ("sink-learned", "sink_type", .string("learned_embedding"), "'num_sink_tokens' is"),
  ]

  @Test("what GGUF cannot say is refused by its name", arguments: unstated)
  func refused(_ example: (folder: String, key: String, value: MetadataValue, message: String)) throws {
    var checkpoint = try CheckpointReader.read(path: Fixtures.path(example.folder))
    checkpoint.metadata[example.key] = example.value
    if example.folder == "qwen2" { checkpoint.metadata["max_window_layers"] = .integer(1) }
    let error = #expect(throws: ModelError.self) { try translate(checkpoint, .gguf) }
    #expect(error?.description.contains(example.message) == true, "\(error?.description ?? "")")
  }
}
