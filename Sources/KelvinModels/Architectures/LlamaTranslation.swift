import Foundation
import KelvinAttention
import KelvinTensors

extension LlamaTranslation {
  /// How Llamas are converted: names by `DecoderTensorNames`, keys by the two functions below.
  static let conversion: ArchitectureConversion = ArchitectureConversion(
    translate: { (checkpoint, style) throws(ModelError) in
      try LlamaTranslation(checkpoint, to: style).checkpoint()
    },
    keyValueHeads: { (checkpoint) throws(ModelError) in
      let llama = try DecoderFamily.llama.configuration(of: checkpoint)
      try llama.validate(checkpoint)
      let layers = (0..<llama.layers).map { index in
        [LayerPart.key, .value].flatMap { part in
          let name = llama.names.name(part, layer: index)
          return llama.biases.contains(part) ? [name, llama.names.bias(of: name)] : [name]
        }
      }
      return KeyValueHeads(
        count: llama.keyValueHeads, queryHeads: llama.heads, layers: layers,
        key: llama.style == .gguf ? "llama.attention.head_count_kv" : "num_key_value_heads")
    })
}

/// One Llama in the names of another style.
struct LlamaTranslation {
  let source: Checkpoint
  let llama: DecoderConfiguration
  let rope: Rope
  let style: Checkpoint.Style

  init(_ checkpoint: Checkpoint, to style: Checkpoint.Style) throws(ModelError) {
    source = checkpoint
    self.style = style
    let family = DecoderFamily.llama
    llama = try family.configuration(of: checkpoint)
    try llama.validate(checkpoint)
    rope = try family.facts(of: checkpoint).rope(width: llama.headWidth, ggufPairs: .adjacent)
    if case .yarn = rope.scaling {
      throw .unsupported(
        model: checkpoint.name, key: "rope_scaling", found: "'yarn'", supported: ["none", "linear", "llama3"])
    }
  }

  func checkpoint() throws(ModelError) -> Checkpoint {
    var metadata: [String: MetadataValue]
    switch style {
    case .gguf: metadata = gguf
    case .huggingFace: metadata = try huggingFace()
    }
    // A model that keeps its style keeps what else its file says.
    if source.style == style {
      metadata = source.metadata.filter { $0.key != "kelvin.rotary_pairs" }.merging(metadata) { old, _ in old }
    }
    return Checkpoint(name: source.name, style: style, metadata: metadata, tensors: tensors)
  }

  // MARK: Tensors

  private var tensors: [String: StoredTensor] {
    let (from, to) = (DecoderTensorNames(source.style), DecoderTensorNames(style))
    var tensors: [String: StoredTensor] = [:]
    func move(_ old: String, _ new: String, turns: Bool = false) {
      for (old, new) in [(old, new), (from.bias(of: old), to.bias(of: new))] {
        guard var tensor = source.tensors[old] else { continue }
        if turns { tensor = tensor.withRotaryPairs(pairs, from: rope.pairs, headWidth: llama.headWidth) }
        tensor.name = new
        tensors[new] = tensor
      }
    }
    move(from.embedding, to.embedding)
    move(from.finalNorm, to.finalNorm)
    if !llama.tiedEmbeddings { move(from.head, to.head) }
    for index in 0..<llama.layers {
      for part in [LayerPart.query, .key] {
        move(from.name(part, layer: index), to.name(part, layer: index), turns: true)
      }
      for part in [LayerPart.attentionNorm, .value, .output, .feedForwardNorm, .gate, .up, .down] {
        move(from.name(part, layer: index), to.name(part, layer: index))
      }
    }
    if style == .gguf, let divisors { tensors["rope_freqs.weight"] = divisors }
    return tensors
  }

  private var pairs: Rotary.Pairs { style == .gguf ? .adjacent : .halves }

  /// What GGUF has for Llama 3.1's scaling: by how much each pair turns more slowly.
  private var divisors: StoredTensor? {
    var plain = rope
    plain.scaling = .none
    let unscaled = plain.rotary.frequencies
    switch rope.scaling {
    case .none, .linear, .yarn: return nil
    case .llama3, .divisors:
      let divisors = ContiguousArray(zip(unscaled, rope.rotary.frequencies).map { Float($0 / $1) })
      return StoredTensor(name: "rope_freqs.weight", shape: [divisors.count]) { divisors }
    }
  }

  // MARK: Keys

  /// A constant, rounded as the computation rounds it.
  private static func single(_ value: Double) -> MetadataValue { .number(Double(Float(value))) }

  private var gguf: [String: MetadataValue] {
    var metadata: [String: MetadataValue] = [
      "general.architecture": .string("llama"),
      "general.name": .string(source.name),
      "llama.block_count": .integer(llama.layers),
      "llama.context_length": .integer(llama.contextLength),
      "llama.embedding_length": .integer(llama.hiddenWidth),
      "llama.feed_forward_length": .integer(llama.feedForwardWidth),
      "llama.attention.head_count": .integer(llama.heads),
      "llama.attention.head_count_kv": .integer(llama.keyValueHeads),
      "llama.attention.key_length": .integer(llama.headWidth),
      "llama.attention.value_length": .integer(llama.headWidth),
      "llama.attention.layer_norm_rms_epsilon": .number(Double(llama.normEpsilon)),
      "llama.rope.dimension_count": .integer(llama.headWidth),
      "llama.rope.freq_base": Self.single(rope.base),
      "llama.vocab_size": .integer(llama.vocabulary),
    ]
    if case .linear(let factor) = rope.scaling {
      metadata["llama.rope.scaling.type"] = .string("linear")
      metadata["llama.rope.scaling.factor"] = Self.single(factor)
    }
    return metadata
  }

  private func huggingFace() throws(ModelError) -> [String: MetadataValue] {
    var metadata: [String: MetadataValue] = [
      "architectures": .strings(["LlamaForCausalLM"]),
      "model_type": .string("llama"),
      "hidden_act": .string("silu"),
      "num_hidden_layers": .integer(llama.layers),
      "max_position_embeddings": .integer(llama.contextLength),
      "hidden_size": .integer(llama.hiddenWidth),
      "intermediate_size": .integer(llama.feedForwardWidth),
      "num_attention_heads": .integer(llama.heads),
      "num_key_value_heads": .integer(llama.keyValueHeads),
      "head_dim": .integer(llama.headWidth),
      // The shortest decimal that is this float: 1e-05, not 9.999999747378752e-06.
      "rms_norm_eps": .number(Double("\(llama.normEpsilon)") ?? Double(llama.normEpsilon)),
      "rope_theta": .number(rope.base),
      "tie_word_embeddings": .bool(llama.tiedEmbeddings),
      "attention_bias": .bool(llama.biases.contains(.query)),
      "mlp_bias": .bool(llama.biases.contains(.gate)),
      "vocab_size": .integer(llama.vocabulary),
    ]
    switch rope.scaling {
    case .none, .yarn: break
    case .linear(let factor):
      metadata["rope_scaling"] = .object(["rope_type": .string("linear"), "factor": .number(factor)])
    case .llama3(let numbers): metadata["rope_scaling"] = Self.members(numbers)
    case .divisors(let divisors, _): metadata["rope_scaling"] = Self.members(try published(divisors))
    }
    return metadata
  }

  private static func members(_ numbers: Rope.Llama3) -> MetadataValue {
    .object([
      "rope_type": .string("llama3"), "factor": .number(numbers.factor), "low_freq_factor": .number(numbers.lowFactor),
      "high_freq_factor": .number(numbers.highFactor),
      "original_max_position_embeddings": .integer(Int(numbers.originalContext)),
    ])
  }

  /// The numbers of Llama 3.1's scaling that give these divisors.
  ///
  /// GGUF keeps the divisors only. All published models share three of the four numbers, and the fourth, the factor, is
  /// the largest divisor.
  private func published(_ divisors: [Double]) throws(ModelError) -> Rope.Llama3 {
    let numbers = Rope.Llama3(
      factor: divisors.max() ?? 1, lowFactor: 1, highFactor: 4, originalContext: 8192)
    var candidate = rope
    candidate.scaling = .llama3(numbers)
    guard zip(candidate.rotary.frequencies, rope.rotary.frequencies).allSatisfy({ abs($0 / $1 - 1) < 1e-5 }) else {
      throw .unsupported(
        model: source.name, key: "rope_freqs.weight", found: "a table that is not Llama 3.1's",
        supported: ["low_freq_factor 1, high_freq_factor 4 and original context 8192 when it becomes a config.json"])
    }
    return numbers
  }
}
