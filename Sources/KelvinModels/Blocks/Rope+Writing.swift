import KelvinAttention
import KelvinTensors

extension Rope {
  /// States base and scaling in a translated model, in its style.
  /// - Parameters:
  ///   - checkpoint: that is written.
  ///   - architecture: what GGUF puts in front of keys.
  ///   - headWidth: channels of a head; where fewer are turned, that is stated too.
  /// - Throws: `ModelError.unsupported` where the style has no place for the scaling.
  func state(in checkpoint: inout Checkpoint, architecture: String, headWidth: Int) throws(ModelError) {
    switch checkpoint.style {
    case .gguf:
      for (key, value) in ggufKeys { checkpoint.metadata["\(architecture).rope.\(key)"] = value }
      for tensor in ggufTensors { checkpoint.tensors[tensor.name] = tensor }
    case .huggingFace:
      checkpoint.metadata["rope_theta"] = .number(base)
      if width != headWidth {
        checkpoint.metadata["partial_rotary_factor"] = .number(Double(width) / Double(headWidth))
      }
      checkpoint.metadata["rope_scaling"] = try huggingFaceScaling(model: checkpoint.name)
      if case .longRope(let lists) = scaling {
        checkpoint.metadata["original_max_position_embeddings"] = .integer(Int(lists.originalContext))
      }
    }
  }

  // MARK: GGUF

  private var ggufKeys: [String: MetadataValue] {
    // Constants are rounded as the computation rounds them.
    func single(_ value: Double) -> MetadataValue { .number(Double(Float(value))) }
    var keys: [String: MetadataValue] = ["dimension_count": .integer(width), "freq_base": single(base)]
    switch scaling {
    case .none, .llama3, .divisors: break
    case .linear(let factor):
      keys["scaling.type"] = .string("linear")
      keys["scaling.factor"] = single(factor)
    case .yarn(let numbers):
      keys["scaling.type"] = .string("yarn")
      keys["scaling.factor"] = single(numbers.factor)
      keys["scaling.original_context_length"] = .integer(Int(numbers.originalContext))
      keys["scaling.yarn_beta_fast"] = single(numbers.fast)
      keys["scaling.yarn_beta_slow"] = single(numbers.slow)
      keys["scaling.attn_factor"] = single(numbers.magnitude / Yarn.usualMagnitude(factor: numbers.factor))
    case .longRope(let lists):
      keys["scaling.original_context_length"] = .integer(Int(lists.originalContext))
      keys["scaling.attn_factor"] = single(lists.magnitude)
    }
    return keys
  }

  /// By how much each pair turns more slowly.
  private var ggufTensors: [StoredTensor] {
    func table(_ name: String, _ divisors: [Double]) -> StoredTensor {
      let numbers = ContiguousArray(divisors.map(Float.init))
      return StoredTensor(name: name, shape: [numbers.count]) { numbers }
    }
    switch scaling {
    case .none, .linear, .yarn: return []
    case .llama3, .divisors:
      var plain = self
      plain.scaling = .none
      return [
        table("rope_freqs.weight", zip(plain.rotary.frequencies, rotary.frequencies).map { Double(Float($0 / $1)) })
      ]
    case .longRope(let lists):
      return [table("rope_factors_long.weight", lists.long), table("rope_factors_short.weight", lists.short)]
    }
  }

  // MARK: Hugging Face

  private func huggingFaceScaling(model: String) throws(ModelError) -> MetadataValue? {
    switch scaling {
    case .none: return nil
    case .linear(let factor): return .object(["rope_type": .string("linear"), "factor": .number(factor)])
    case .llama3(let numbers): return Self.members(numbers)
    case .divisors(let divisors): return Self.members(try published(divisors, model: model))
    case .yarn(let numbers):
      return .object([
        "rope_type": .string("yarn"), "factor": .number(numbers.factor), "beta_fast": .number(numbers.fast),
        "beta_slow": .number(numbers.slow), "attention_factor": .number(numbers.magnitude),
        "original_max_position_embeddings": .integer(Int(numbers.originalContext)),
      ])
    case .longRope(let lists):
      func list(_ divisors: [Double]) -> MetadataValue { .array(divisors.map { .shortest(Float($0)) }) }
      return .object([
        "type": .string("longrope"), "short_factor": list(lists.short), "long_factor": list(lists.long),
      ])
    }
  }

  private static func members(_ numbers: Llama3) -> MetadataValue {
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
  private func published(_ divisors: [Double], model: String) throws(ModelError) -> Llama3 {
    let numbers = Llama3(factor: divisors.max() ?? 1, lowFactor: 1, highFactor: 4, originalContext: 8192)
    var candidate = self
    candidate.scaling = .llama3(numbers)
    guard candidate.rotary.turns(like: rotary) else {
      throw .unsupported(
        model: model, key: "rope_freqs.weight", found: "a table that is not Llama 3.1's",
        supported: ["low_freq_factor 1, high_freq_factor 4 and original context 8192 when it becomes a config.json"])
    }
    return numbers
  }
}

extension Rotary {
  /// Whether the two turn by the same angles, wherever the channels of a pair lie.
  ///
  /// Divisors in a file are 32-bit floats, bases and factors may be; 1e-5 is a hundred times their rounding.
  func turns(like other: Rotary) -> Bool {
    frequencies.count == other.frequencies.count && abs(magnitude / other.magnitude - 1) < 1e-5
      && zip(frequencies, other.frequencies).allSatisfy { abs($0 / $1 - 1) < 1e-5 }
  }
}
