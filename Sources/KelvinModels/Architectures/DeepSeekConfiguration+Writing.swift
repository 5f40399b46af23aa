import KelvinTensors

extension DeepSeekConfiguration {
  /// The keys of this model's file, in its style, but those of the turning: what is read, the other way round.
  var statedKeys: [String: MetadataValue] {
    var keys: [String: MetadataValue] = [:]
    switch style {
    case .gguf:
      for (key, value) in ggufKeys.merging(ggufExpertKeys, uniquingKeysWith: { $1 }) {
        keys["deepseek2." + key] = value
      }
      keys["general.architecture"] = .string("deepseek2")
    case .huggingFace:
      keys = huggingFaceKeys
      if let experts { keys.merge(experts.huggingFaceKeys) { $1 } }
    }
    if !normalisesLatents { keys["kelvin.plain_latents"] = .bool(true) }
    return keys
  }

  // MARK: GGUF

  private var ggufKeys: [String: MetadataValue] {
    var keys: [String: MetadataValue] = [
      "block_count": .integer(layers), "context_length": .integer(contextLength),
      "embedding_length": .integer(hiddenWidth), "feed_forward_length": .integer(feedForwardWidth),
      "vocab_size": .integer(vocabulary), "leading_dense_block_count": .integer(denseLayers),
      "attention.head_count": .integer(heads), "attention.head_count_kv": .integer(1),
      "attention.kv_lora_rank": .integer(latentWidth),
      // llama.cpp wants the key of most models, and takes 0 for none.
      "attention.q_lora_rank": .integer(queryLatentWidth ?? 0),
      "attention.layer_norm_rms_epsilon": .number(Double(normEpsilon)), "rope.dimension_count": .integer(rotaryWidth),
    ]
    let suffix = splitsUpProjections ? "_mla" : ""
    keys["attention.key_length" + suffix] = .integer(headWidth)
    keys["attention.value_length" + suffix] = .integer(valueWidth)
    if splitsUpProjections {
      // Those of absorbed attention, whose one head of keys is what is remembered.
      keys["attention.key_length"] = .integer(latentWidth + rotaryWidth)
      keys["attention.value_length"] = .integer(latentWidth)
    }
    return keys
  }

  private var ggufExpertKeys: [String: MetadataValue] {
    // llama.cpp wants the two keys without experts as well.
    guard let experts else {
      return ["expert_feed_forward_length": .integer(feedForwardWidth), "expert_shared_count": .integer(0)]
    }
    let routing = experts.routing
    return [
      "expert_feed_forward_length": .integer(experts.width), "expert_shared_count": .integer(experts.sharedCount),
      "expert_count": .integer(routing.experts), "expert_used_count": .integer(routing.chosen),
      "expert_group_count": .integer(routing.groups), "expert_group_used_count": .integer(routing.keptGroups),
      "expert_gating_func": .integer(routing.scores == .softmax ? 1 : 2),
      "expert_weights_norm": .bool(routing.normalises), "expert_weights_scale": .number(Double(routing.scale)),
    ]
  }

  // MARK: Hugging Face

  /// Whether the model is called a third version: one with its router, or without any.
  ///
  /// Without experts the versions are one, but for transformers, whose second version lacks a factor of YaRN.
  private var isThird: Bool { experts.map { $0.routing.scores == .sigmoid || $0.routing.hasCorrection } ?? true }

  private var huggingFaceKeys: [String: MetadataValue] {
    [
      "architectures": .strings([isThird ? "DeepseekV3ForCausalLM" : "DeepseekV2ForCausalLM"]),
      "model_type": .string(isThird ? "deepseek_v3" : "deepseek_v2"), "num_hidden_layers": .integer(layers),
      "hidden_size": .integer(hiddenWidth), "intermediate_size": .integer(feedForwardWidth),
      "vocab_size": .integer(vocabulary), "max_position_embeddings": .integer(contextLength),
      "num_attention_heads": .integer(heads), "num_key_value_heads": .integer(heads),
      "kv_lora_rank": .integer(latentWidth),
      // Without the key transformers would take the published width.
      "q_lora_rank": queryLatentWidth.map { .integer($0) } ?? .null, "qk_nope_head_dim": .integer(plainWidth),
      "qk_rope_head_dim": .integer(rotaryWidth), "v_head_dim": .integer(valueWidth),
      "first_k_dense_replace": .integer(denseLayers), "moe_layer_freq": .integer(1), "hidden_act": .string("silu"),
      "attention_bias": .bool(false), "rms_norm_eps": .shortest(normEpsilon),
      "tie_word_embeddings": .bool(tiedEmbeddings),
    ]
  }
}

extension DeepSeekConfiguration.Experts {
  /// How many experts the one that every token uses is made of.
  fileprivate var sharedCount: Int { (sharedWidth ?? 0) / width }

  fileprivate var huggingFaceKeys: [String: MetadataValue] {
    let withoutCorrection = routing.groups > 1 ? "group_limited_greedy" : "greedy"
    return [
      "n_routed_experts": .integer(routing.experts), "num_experts_per_tok": .integer(routing.chosen),
      "n_shared_experts": sharedWidth == nil ? .null : .integer(sharedCount),
      "moe_intermediate_size": .integer(width), "n_group": .integer(routing.groups),
      "topk_group": .integer(routing.keptGroups),
      "topk_method": .string(routing.hasCorrection ? "noaux_tc" : withoutCorrection),
      "scoring_func": .string(routing.scores == .softmax ? "softmax" : "sigmoid"),
      "norm_topk_prob": .bool(routing.normalises), "routed_scaling_factor": .shortest(routing.scale),
    ]
  }
}
