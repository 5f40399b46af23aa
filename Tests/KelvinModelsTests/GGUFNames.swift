import KelvinCheckpoints
import KelvinTensors
import TestSupport

/// A DeepSeek in Tests/Fixtures as a GGUF file would have it.
///
/// The names and keys are those that llama.cpp's converter writes.
enum GGUFNames {
  private static let keys = [
    "num_hidden_layers": "block_count", "hidden_size": "embedding_length",
    "num_attention_heads": "attention.head_count",
    "kv_lora_rank": "attention.kv_lora_rank", "q_lora_rank": "attention.q_lora_rank",
    "qk_rope_head_dim": "rope.dimension_count", "intermediate_size": "feed_forward_length", "vocab_size": "vocab_size",
    "max_position_embeddings": "context_length", "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "rope_theta": "rope.freq_base", "first_k_dense_replace": "leading_dense_block_count",
    "n_routed_experts": "expert_count", "num_experts_per_tok": "expert_used_count", "n_group": "expert_group_count",
    "topk_group": "expert_group_used_count", "moe_intermediate_size": "expert_feed_forward_length",
    "n_shared_experts": "expert_shared_count", "norm_topk_prob": "expert_weights_norm",
    "routed_scaling_factor": "expert_weights_scale",
  ]

  private static let names = [
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "model.layers": "blk",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.q_a_proj": "attn_q_a", "self_attn.q_a_layernorm": "attn_q_a_norm", "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa", "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "self_attn.kv_b_proj": "attn_kv_b", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "mlp.gate": "ffn_gate_inp", "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
    "mlp.shared_experts.up_proj": "ffn_up_shexp", "mlp.shared_experts.down_proj": "ffn_down_shexp",
    "mlp.experts.gate_proj": "ffn_gate_exps", "mlp.experts.up_proj": "ffn_up_exps",
    "mlp.experts.down_proj": "ffn_down_exps",
  ]

  static func checkpoint(of folder: String, splitsUpProjections: Bool) throws -> Checkpoint {
    let source = try CheckpointReader.read(path: Fixtures.path(folder))
    func size(_ key: String) -> Int { source.metadata[key]?.integer ?? 0 }
    var metadata: [String: MetadataValue] = ["general.architecture": .string("deepseek2")]
    for (key, name) in keys {
      if let value = source.metadata[key], value != .null { metadata["deepseek2." + name] = value }
    }
    let width = size("qk_nope_head_dim") + size("qk_rope_head_dim")
    if splitsUpProjections {
      metadata["deepseek2.attention.key_length"] = .integer(size("kv_lora_rank") + size("qk_rope_head_dim"))
      metadata["deepseek2.attention.value_length"] = .integer(size("kv_lora_rank"))
    }
    let suffix = splitsUpProjections ? "_mla" : ""
    metadata["deepseek2.attention.key_length" + suffix] = .integer(width)
    metadata["deepseek2.attention.value_length" + suffix] = .integer(size("v_head_dim"))
    if source.metadata["scoring_func"]?.string == "sigmoid" {
      metadata["deepseek2.expert_gating_func"] = .integer(2)
    }
    var result = Checkpoint(name: folder, style: .gguf, metadata: metadata, tensors: [:])
    var experts: [String: [Int: StoredTensor]] = [:]
    for (name, tensor) in source.tensors {
      let parts = name.split(separator: ".")
      guard let place = parts.firstIndex(of: "experts"), let expert = Int(parts[place + 1]) else {
        result.add(tensor, as: renamed(name))
        continue
      }
      experts[renamed(name.replacing("experts.\(expert).", with: "experts.")), default: [:]][expert] = tensor
    }
    for (name, tensors) in experts { result.add(try fused(tensors), as: name) }
    if splitsUpProjections { try split(&result, heads: size("num_attention_heads"), plain: size("qk_nope_head_dim")) }
    return result
  }

  private static func renamed(_ name: String) -> String {
    var stem = name.hasSuffix(".weight") ? String(name.dropLast(7)) : name
    let suffix = name.hasSuffix(".weight") ? ".weight" : ""
    guard stem.hasPrefix("model.layers.") else { return (names[stem] ?? stem) + suffix }
    let parts = stem.split(separator: ".", maxSplits: 3)
    stem = names[String(parts[3])] ?? stem
    return "blk.\(parts[2]).\(stem)" + suffix
  }

  private static func fused(_ tensors: [Int: StoredTensor]) throws -> StoredTensor {
    let ordered = tensors.sorted { $0.key < $1.key }.map(\.value)
    let numbers = try ordered.flatMap { try $0.floats() }
    return Self.tensor([ordered.count] + ordered[0].shape, numbers)
  }

  /// Up-projections as newer files have them: `[heads, Dc, Dn]` of keys, `[heads, Dv, Dc]` of values.
  private static func split(_ checkpoint: inout Checkpoint, heads: Int, plain: Int) throws {
    for (name, tensor) in checkpoint.tensors where name.hasSuffix("attn_kv_b.weight") {
      let (numbers, latent) = (try tensor.floats(), tensor.shape[1])
      let width = tensor.shape[0] / heads
      var (keys, values): ([Float], [Float]) = ([], [])
      for head in 0..<heads {
        for column in 0..<latent {
          keys += (0..<plain).map { numbers[(head * width + $0) * latent + column] }
        }
        values += numbers[(head * width + plain) * latent..<(head + 1) * width * latent]
      }
      checkpoint.tensors[name] = nil
      let start = name.dropLast("kv_b.weight".count)
      checkpoint.add(Self.tensor([heads, latent, plain], keys), as: start + "k_b.weight")
      checkpoint.add(Self.tensor([heads, width - plain, latent], values), as: start + "v_b.weight")
    }
  }

  private static func tensor(_ shape: [Int], _ numbers: [Float]) -> StoredTensor {
    StoredTensor(name: "", shape: shape, format: .f32, source: ArraySource(numbers), range: 0..<numbers.count * 4)
  }
}

extension Checkpoint {
  fileprivate mutating func add(_ tensor: StoredTensor, as name: String) {
    tensors[name] = tensor
    tensors[name]?.name = name
  }
}
