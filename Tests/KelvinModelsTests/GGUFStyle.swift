import KelvinTensors
import TestSupport

/// GGUF's names for Hugging Face's, as converters give them.
private enum DecoderGGUFNames {
  static let facts = [
    "num_hidden_layers": "block_count", "n_layer": "block_count", "hidden_size": "embedding_length",
    "n_embd": "embedding_length", "num_attention_heads": "attention.head_count", "n_head": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv", "head_dim": "attention.key_length",
    "intermediate_size": "feed_forward_length", "n_inner": "feed_forward_length",
    "max_position_embeddings": "context_length", "n_positions": "context_length",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon", "layer_norm_epsilon": "attention.layer_norm_epsilon",
    "rope_theta": "rope.freq_base",
  ]

  static let tensors = [
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
  ]

  static let parts = [
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "self_attn.qkv_proj": "attn_qkv",
    "mlp.gate_up_proj": "ffn_up", "ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
    "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
  ]
}

extension Checkpoint {
  /// The checkpoint as a converter to GGUF would write it.
  /// - Parameters:
  ///   - architecture: GGUF's name of the family.
  ///   - facts: what else the converter would state, without the family's name in front.
  ///   - names: parts of a layer that this family calls otherwise.
  ///   - change: what the converter would do to a tensor, given its new name.
  func ggufStyle(
    _ architecture: String, _ facts: [String: MetadataValue] = [:], names: [String: String] = [:],
    change: (StoredTensor) throws -> StoredTensor = { $0 }
  ) throws -> Checkpoint {
    var result = self
    result.style = .gguf
    result.metadata = ["general.architecture": .string(architecture)]
    for (key, value) in metadata {
      if let known = DecoderGGUFNames.facts[key] { result.metadata["\(architecture).\(known)"] = value }
    }
    for (key, value) in facts { result.metadata["\(architecture).\(key)"] = value }
    result.tensors = [:]
    for tensor in tensors.values {
      var tensor = tensor
      tensor.name = Self.ggufName(tensor.name, names)
      result.tensors[tensor.name] = try change(tensor)
    }
    return result
  }

  private static func ggufName(_ name: String, _ own: [String: String]) -> String {
    var parts = name.split(separator: ".").map(String.init)
    let end = parts.removeLast()
    guard let number = parts.firstIndex(where: { Int($0) != nil }) else {
      let whole = parts.joined(separator: ".")
      return "\(DecoderGGUFNames.tensors[whole] ?? whole).\(end)"
    }
    let part = parts[(number + 1)...].joined(separator: ".")
    return "blk.\(parts[number]).\(own[part] ?? DecoderGGUFNames.parts[part] ?? part).\(end)"
  }
}

extension StoredTensor {
  /// A tensor of other numbers.
  func replacing(_ numbers: [Float], shape: [Int]? = nil) -> StoredTensor {
    StoredTensor(
      name: name, shape: shape ?? self.shape, format: .f32, source: ArraySource(numbers), range: 0..<numbers.count * 4)
  }
}
