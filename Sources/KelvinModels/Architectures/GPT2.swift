import KelvinTensors

extension DecoderFamily {
  /// GPT-2: layer norms, learned positions, a plain feed-forward part with GELU, biases everywhere.
  ///
  /// Hugging Face's files hold matrices as `[inputs, outputs]`, the oldest without a prefix and with masks beside them.
  /// Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".
  public static let gpt2 = DecoderFamily(
    names: ["gpt2"], summary: "GPT-2: learned positions, layer norms, GELU",
    renamed: [
      "num_hidden_layers": "n_layer", "hidden_size": "n_embd", "num_attention_heads": "n_head",
      "intermediate_size": "n_inner", "max_position_embeddings": "n_positions", "rms_norm_eps": "layer_norm_epsilon",
      "attention.layer_norm_rms_epsilon": "attention.layer_norm_epsilon",
    ],
    spelling: DecoderSpelling("GPT2LMHeadModel", add: spell)
  ) { facts throws(ModelError) in
    var model = try DecoderConfiguration(facts, activation: .gelu, tiesEmbeddings: true, feedForwardFactor: 4)
    model.norm = .layer
    model.hasPositionEmbedding = true
    model.parts = [.attentionNorm, .queryKeyValue, .output, .feedForwardNorm, .up, .down]
    model.biases = model.parts
    model.isTransposed = facts.style == .huggingFace
    model.names.rename(
      in: .huggingFace,
      [
        .attentionNorm: "ln_1", .queryKeyValue: "attn.c_attn", .output: "attn.c_proj", .feedForwardNorm: "ln_2",
        .up: "mlp.c_fc", .down: "mlp.c_proj",
      ])
    if facts.style == .huggingFace {
      let prefix = facts.has(tensor: "wte.weight") ? "" : "transformer."
      (model.names.embedding, model.names.positions) = (prefix + "wte.weight", prefix + "wpe.weight")
      (model.names.layers, model.names.finalNorm) = (prefix + "h.", prefix + "ln_f.weight")
      model.names.derived = [".attn.bias", ".attn.masked_bias"]
    }
    try facts.plain.refuse("scale_attn_weights", unless: [.bool(true)], supported: "true")
    for key in ["scale_attn_by_inverse_layer_idx", "add_cross_attention"] {
      try facts.plain.refuse(key, unless: [.bool(false)], supported: "false")
    }
    return model
  }

  /// A configuration has other keys than those of later families.
  private static func spell(_ translation: DecoderTranslation, _ result: inout Checkpoint) {
    guard result.style == .huggingFace else { return }
    let model = translation.model
    for key in ["head_dim", "hidden_act"] { result.metadata[key] = nil }
    if model.keyValueHeads.allSatisfy({ $0 == model.heads }) { result.metadata["num_key_value_heads"] = nil }
    result.metadata["activation_function"] = .string("gelu_new")
    result.metadata["n_ctx"] = .integer(model.contextLength)
  }
}
