import KelvinTensors

/// What Gemma 2 and Gemma 3 have in common.
extension DecoderConfiguration {
  /// Norms on both sides of attention and feed-forward, GEGLU, scaled embeddings, capped scores and logits where stated.
  init(gemma facts: DecoderFacts) throws(ModelError) {
    try self.init(facts, activation: .gelu, tiesEmbeddings: true)
    parts.formUnion([.afterAttentionNorm, .afterFeedForwardNorm])
    names.rename(in: .huggingFace, [.feedForwardNorm: "pre_feedforward_layernorm"])
    norm = .rootMeanSquare(offset: style == .huggingFace ? 1 : 0)
    embeddingScale = Float(hiddenWidth).squareRoot()
    if style == .huggingFace {
      attentionScale = 1 / Float(try facts.positive(.queryScale, default: 256)).squareRoot()
      if try facts.flag("attention_bias") { biases = [.query, .key, .value, .output] }
    }
    attentionSoftcap = try facts.softcap(.attentionSoftcap)
    logitSoftcap = try facts.softcap(.logitSoftcap)
  }
}

extension DecoderTranslation {
  /// The keys of a configuration that GGUF has no place for; none of them is left to a reader's default.
  func spellGemma(in result: inout Checkpoint) {
    guard result.style == .huggingFace else { return }
    result.metadata["hidden_activation"] = result.metadata["hidden_act"]
    result.metadata["attention_bias"] = .bool(model.biases.contains(.query))
    result.metadata[name(.queryScale)] = .shortest(queryScale)
    for key in [DecoderFacts.Key.attentionSoftcap, .logitSoftcap, .window] where result.metadata[name(key)] == nil {
      result.metadata[name(key)] = .null
    }
    let isSliding = model.sliding?.isSliding ?? Array(repeating: false, count: model.layers)
    result.metadata["layer_types"] = .strings(isSliding.map { $0 ? "sliding_attention" : "full_attention" })
  }
}
