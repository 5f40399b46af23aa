import Foundation
import KelvinAttention
import KelvinModels
import KelvinTensors
import TestSupport
import Testing

@Suite("Llama")
struct LlamaTests {
  // MARK: Reading

  @Test("reads a Hugging Face configuration")
  func huggingFace() throws {
    let llama = try DecoderFamily.llama.configuration(of: Examples.huggingFace())
    #expect(llama.style == .huggingFace)
    #expect(llama.sizes == [2, 64, 4, 2, 32, 48, 320, 512])
    #expect(llama.normEpsilon == 1e-5)
    #expect(llama.tiedEmbeddings)
    #expect(llama.biases.isEmpty)
    #expect(llama.rotary?.pairs == .halves)
  }

  @Test("takes Hugging Face's defaults where the configuration is silent")
  func defaults() throws {
    let silent = [
      "head_dim", "num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "rope_theta", "hidden_act",
      "tie_word_embeddings",
    ]
    let llama = try DecoderFamily.llama.configuration(of: Examples.huggingFace { for key in silent { $0[key] = nil } })
    #expect(llama.headWidth == 16)
    #expect(llama.keyValueHeads.allSatisfy { $0 == 4 })
    #expect(llama.contextLength == 2048)
    #expect(llama.normEpsilon == 1e-6)
    #expect(!llama.tiedEmbeddings)
    #expect(llama.rotary?.frequencies[1] == pow(10_000, -0.125))
  }

  @Test("reads GGUF metadata")
  func gguf() throws {
    let checkpoint = Examples.gguf()
    let llama = try DecoderFamily.llama.configuration(of: checkpoint)
    #expect(llama.style == .gguf)
    #expect(llama.sizes == [1, 8, 2, 1, 4, 6, 12, 64])
    #expect(llama.tiedEmbeddings)
    #expect(llama.rotary == Rotary(pairs: .adjacent, frequencies: [1, 0.01]))
    try llama.validate(checkpoint)
  }

  // MARK: Rotary

  @Test("unscaled frequencies are base^(-2i/d)")
  func plainRope() throws {
    let llama = try DecoderFamily.llama.configuration(of: Examples.huggingFace())
    #expect(llama.rotary?.frequencies.count == 16)
    #expect(llama.rotary?.frequencies[0] == 1)
    #expect(llama.rotary?.frequencies[8] == pow(10_000, -0.5))
    #expect(llama.rotary?.width == 32)
  }

  @Test("linear scaling divides every frequency, under either name of its type", arguments: ["rope_type", "type"])
  func linearRope(_ key: String) throws {
    let plain = try #require(DecoderFamily.llama.configuration(of: Examples.huggingFace()).rotary).frequencies
    let scaled = try DecoderFamily.llama.configuration(
      of:
        Examples.huggingFace { $0["rope_scaling"] = .object([key: .string("linear"), "factor": .number(4)]) })
    #expect(scaled.rotary?.frequencies == plain.map { $0 / 4 })
  }

  @Test("llama3 scaling keeps fast pairs, slows slow ones by the factor and blends between", arguments: [true, false])
  func llama3Rope(_ isNewStyle: Bool) throws {
    let plain = try #require(DecoderFamily.llama.configuration(of: Examples.huggingFace()).rotary).frequencies
    let scaled = try #require(
      DecoderFamily.llama.configuration(
        of: Examples.huggingFace { metadata in
          var parameters = Examples.llama3Scaling
          if isNewStyle {
            parameters["rope_theta"] = metadata.removeValue(forKey: "rope_theta")
            metadata["rope_scaling"] = nil
            metadata["rope_parameters"] = .object(parameters)
          } else {
            metadata["rope_scaling"] = .object(parameters)
          }
        }
      ).rotary
    ).frequencies
    // 64 positions hold 64·f/2π turns: more than 4 for the first two pairs, between 1 and 4 for the next three.
    #expect(Array(scaled.prefix(2)) == Array(plain.prefix(2)))
    for pair in 2..<5 {
      let share = (64 * plain[pair] / (2 * .pi) - 1) / 3
      #expect(0 < share && share < 1)
      #expect(abs(scaled[pair] - ((1 - share) * plain[pair] / 8 + share * plain[pair])) < 1e-15)
    }
    #expect(Array(scaled.dropFirst(5)) == plain.dropFirst(5).map { $0 / 8 })
  }

  @Test("GGUF states linear scaling as metadata and llama3 scaling as a tensor of divisors")
  func ggufRope() throws {
    let linear = Examples.gguf {
      $0.metadata["llama.rope.scaling.type"] = .string("linear")
      $0.metadata["llama.rope.scaling.factor"] = .number(2)
    }
    #expect(try DecoderFamily.llama.configuration(of: linear).rotary?.frequencies == [0.5, 0.005])
    let divided = Examples.gguf { $0.add("rope_freqs.weight", [2], numbers: [1, 8]) }
    let llama = try DecoderFamily.llama.configuration(of: divided)
    #expect(llama.rotary?.frequencies == [1, 0.00125])
    try llama.validate(divided)
    let zero = Examples.gguf { $0.add("rope_freqs.weight", [2], numbers: [1, 0]) }
    #expect(throws: ModelError.self) { try DecoderFamily.llama.configuration(of: zero) }
  }

  // MARK: Refusing

  @Test("another architecture is refused by its name")
  func otherArchitecture() {
    let supported = ArchitectureRegistry.all.flatMap(\.names)
    #expect(supported.contains("llama"))
    #expect(
      throws: ModelError.unsupportedArchitecture(model: "small", found: "'mamba'", supported: supported)
    ) { try ArchitectureRegistry.describe(Examples.huggingFace { $0["model_type"] = .string("mamba") }) }
    #expect(throws: ModelError.missing(model: "small.gguf", key: "general.architecture")) {
      try DecoderFamily.llama.configuration(of: Examples.gguf { $0.metadata["general.architecture"] = nil })
    }
  }

  @Test(
    "a part that is not computed is refused, not ignored",
    arguments: [
      ("hidden_act", MetadataValue.string("gelu")),
      ("rope_scaling", .object(["rope_type": .string("dynamic"), "factor": .number(4)])),
      ("partial_rotary_factor", .number(0.5)),
      ("sink_type", .string("register")),
      ("quantization_config", .object(["quant_method": .string("gptq")])),
    ])
  func unsupported(_ key: String, _ value: MetadataValue) throws {
    let error = #expect(throws: ModelError.self) {
      try DecoderFamily.llama.configuration(of: Examples.huggingFace { $0[key] = value })
    }
    guard case .unsupported(_, let found, _, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(found.hasPrefix(key))
  }

  @Test("a mixture of experts is refused")
  func experts() {
    #expect(
      throws: ModelError.unsupported(
        model: "small.gguf", key: "llama.expert_count", found: "8", supported: ["0 (no mixture of experts)"])
    ) { try DecoderFamily.llama.configuration(of: Examples.gguf { $0.metadata["llama.expert_count"] = .integer(8) }) }
  }

  @Test("an error is one sentence with the fact, what was found and what was expected")
  func message() {
    let error = #expect(throws: ModelError.self) {
      try DecoderFamily.llama.configuration(of: Examples.huggingFace { $0["num_key_value_heads"] = .integer(3) })
    }
    #expect(
      error?.description
        == "small: 'num_key_value_heads' is 3, expected a divisor of the 4 heads; "
        + "the model's description is damaged or does not belong to these weights.")
  }

  // MARK: Tensors

  @Test("every tensor must be there in its exact shape")
  func shapes() throws {
    let names = Examples.gguf().tensors.keys.sorted()
    #expect(names.count == 11)
    for name in names {
      let llama = try DecoderFamily.llama.configuration(of: Examples.gguf())
      #expect(throws: ModelError.missingTensor(model: "small.gguf", tensor: name)) {
        try llama.validate(Examples.gguf { $0.tensors[name] = nil })
      }
      let error = #expect(throws: ModelError.self) {
        try llama.validate(Examples.gguf { $0.tensors[name]?.shape[0] += 1 })
      }
      guard case .wrongShape(_, name, _, _, _)? = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
    }
  }

  @Test("a tensor that would be ignored is refused, a table that follows from the configuration is not")
  func unknownTensors() throws {
    let llama = try DecoderFamily.llama.configuration(of: Examples.gguf())
    #expect(
      throws: ModelError.unknownTensor(model: "small.gguf", tensor: "blk.0.attn_q_norm.weight", architecture: "llama")
    ) { try llama.validate(Examples.gguf { $0.add("blk.0.attn_q_norm.weight", [4]) }) }
    #expect(
      throws: ModelError.unknownTensor(model: "small.gguf", tensor: "blk.1.attn_q.weight", architecture: "llama")
    ) { try llama.validate(Examples.gguf { $0.add("blk.1.attn_q.weight", [8, 8]) }) }
    #expect(throws: Never.self) {
      try llama.validate(Examples.gguf { $0.add("blk.0.attn_rot_embd.weight", [2]) })
    }
  }

  @Test("a weight stored as integers is refused by its type")
  func integerWeight() throws {
    let llama = try DecoderFamily.llama.configuration(of: Examples.gguf())
    let checkpoint = Examples.gguf {
      $0.tensors["output_norm.weight"] = nil
      $0.otherTensors["output_norm.weight"] = "I32"
    }
    #expect(throws: ModelError.unreadableTensor(model: "small.gguf", tensor: "output_norm.weight", found: "I32")) {
      try llama.validate(checkpoint)
    }
  }

  @Test("biases that the file has are needed in every layer")
  func biases() throws {
    let one = Examples.gguf { $0.add("blk.0.attn_q.bias", [8]) }
    let llama = try DecoderFamily.llama.configuration(of: one)
    #expect(llama.biases == [.query, .key, .value, .output])
    #expect(throws: ModelError.missingTensor(model: "small.gguf", tensor: "blk.0.attn_k.bias")) {
      try llama.validate(one)
    }
    let all = Examples.gguf {
      for (name, width) in [("q", 8), ("k", 4), ("v", 4), ("output", 8)] { $0.add("blk.0.attn_\(name).bias", [width]) }
    }
    #expect(throws: Never.self) { try DecoderFamily.llama.configuration(of: all).validate(all) }
  }
}

/// Checkpoints made by hand.
private enum Examples {
  static let llama3Scaling: [String: MetadataValue] = [
    "rope_type": .string("llama3"), "factor": .number(8), "low_freq_factor": .number(1),
    "high_freq_factor": .number(4), "original_max_position_embeddings": .integer(64),
  ]

  static func huggingFace(_ change: (inout [String: MetadataValue]) -> Void = { _ in }) -> Checkpoint {
    var metadata: [String: MetadataValue] = [
      "model_type": .string("llama"), "vocab_size": .integer(320), "hidden_size": .integer(64),
      "intermediate_size": .integer(48), "num_hidden_layers": .integer(2), "num_attention_heads": .integer(4),
      "num_key_value_heads": .integer(2), "hidden_act": .string("silu"), "max_position_embeddings": .integer(512),
      "rms_norm_eps": .number(1e-5), "rope_theta": .number(10_000), "rope_scaling": .null, "head_dim": .integer(32),
      "tie_word_embeddings": .bool(true), "attention_bias": .bool(false), "mlp_bias": .bool(false),
    ]
    change(&metadata)
    return Checkpoint(name: "small", style: .huggingFace, metadata: metadata, tensors: [:])
  }

  static func gguf(_ change: (inout Checkpoint) -> Void = { _ in }) -> Checkpoint {
    let metadata: [String: MetadataValue] = [
      "general.architecture": .string("llama"), "llama.block_count": .integer(1), "llama.context_length": .integer(64),
      "llama.embedding_length": .integer(8), "llama.feed_forward_length": .integer(6),
      "llama.attention.head_count": .integer(2), "llama.attention.head_count_kv": .integer(1),
      "llama.attention.layer_norm_rms_epsilon": .number(1e-5),
    ]
    var checkpoint = Checkpoint(name: "small.gguf", style: .gguf, metadata: metadata, tensors: [:])
    checkpoint.add("token_embd.weight", [12, 8])
    checkpoint.add("output_norm.weight", [8])
    let layer: [(String, [Int])] = [
      ("attn_norm", [8]), ("attn_q", [8, 8]), ("attn_k", [4, 8]), ("attn_v", [4, 8]), ("attn_output", [8, 8]),
      ("ffn_norm", [8]), ("ffn_gate", [6, 8]), ("ffn_up", [6, 8]), ("ffn_down", [8, 6]),
    ]
    for (name, shape) in layer { checkpoint.add("blk.0.\(name).weight", shape) }
    change(&checkpoint)
    return checkpoint
  }
}

extension Checkpoint {
  fileprivate mutating func add(_ name: String, _ shape: [Int], numbers: [Float]? = nil) {
    let numbers = numbers ?? Array(repeating: 0, count: shape.reduce(1, *))
    tensors[name] = StoredTensor(
      name: name, shape: shape, format: .f32, source: ArraySource(numbers), range: 0..<numbers.count * 4)
  }
}

extension DecoderConfiguration {
  /// Layers, widths and counts in the order of declaration.
  fileprivate var sizes: [Int] {
    [layers, hiddenWidth, heads, keyValueHeads[0], headWidth, feedForwardWidth, vocabulary, contextLength]
  }
}
