import KelvinTensors

extension GroupedSource {
  /// What the file of a converted model says: what it said about anything else, and the sizes of a DeepSeek.
  /// - Parameter frequencies: of all turned pairs, layer by layer.
  func metadata(of conversion: LatentConversion, frequencies: [Double]) -> [String: MetadataValue] {
    var metadata = checkpoint.style == .gguf ? gguf(conversion) : huggingFace(conversion)
    metadata["kelvin.plain_latents"] = .bool(true)
    metadata["kelvin.rotary_frequencies"] = .numbers(frequencies)
    return metadata
  }

  private func huggingFace(_ conversion: LatentConversion) -> [String: MetadataValue] {
    var metadata = checkpoint.metadata
    for key in ["num_key_value_heads", "head_dim", "rope_scaling", "rope_parameters", "kelvin.rotary_pairs"] {
      metadata[key] = nil
    }
    let sizes = [
      "num_hidden_layers": configuration.layers, "hidden_size": configuration.hiddenWidth,
      "num_attention_heads": heads, "intermediate_size": configuration.feedForwardWidth,
      "vocab_size": configuration.vocabulary, "max_position_embeddings": configuration.contextLength,
      "kv_lora_rank": conversion.latentWidth, "qk_nope_head_dim": headWidth - conversion.turnedChannels,
      "v_head_dim": headWidth, "qk_rope_head_dim": conversion.turnedChannels * keyValueHeads,
      "first_k_dense_replace": layers,
    ]
    for (key, size) in sizes { metadata[key] = .integer(size) }
    metadata["model_type"] = .string("deepseek_v3")
    metadata["architectures"] = .strings(["DeepseekV3ForCausalLM"])
    metadata["rms_norm_eps"] = normEpsilon
    metadata["tie_word_embeddings"] = .bool(configuration.tiedEmbeddings)
    return metadata
  }

  private func gguf(_ conversion: LatentConversion) -> [String: MetadataValue] {
    let family = configuration.architecture + "."
    var metadata = checkpoint.metadata.filter { !$0.key.hasPrefix(family) }
    let turned = conversion.turnedChannels * keyValueHeads
    let sizes = [
      "block_count": layers, "context_length": configuration.contextLength,
      "embedding_length": configuration.hiddenWidth, "feed_forward_length": configuration.feedForwardWidth,
      "vocab_size": configuration.vocabulary, "leading_dense_block_count": layers, "attention.head_count": heads,
      "attention.head_count_kv": 1, "attention.kv_lora_rank": conversion.latentWidth,
      "attention.key_length": headWidth - conversion.turnedChannels + turned, "attention.value_length": headWidth,
      "rope.dimension_count": turned,
    ]
    for (key, size) in sizes { metadata["deepseek2." + key] = .integer(size) }
    metadata["general.architecture"] = .string("deepseek2")
    metadata["deepseek2.attention.layer_norm_rms_epsilon"] = .number(Double(configuration.normEpsilon))
    return metadata
  }

  /// The shortest decimal that is this float: 1e-05, not 9.999999747378752e-06.
  private var normEpsilon: MetadataValue {
    .number(Double("\(configuration.normEpsilon)") ?? Double(configuration.normEpsilon))
  }
}
