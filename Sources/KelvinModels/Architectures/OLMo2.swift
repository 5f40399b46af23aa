extension DecoderFamily {
  /// OLMo 2: what attention and feed-forward add is normalised, and not what they read.
  ///
  /// All heads of queries are normalised together, and all heads of keys.
  /// Source: Walsh et al. 2025, arXiv 2501.00656.
  public static let olmo2 = DecoderFamily(
    names: ["olmo2"],
    summary: "OLMo 2: norms behind attention and feed-forward, queries and keys normalised as a whole",
    spelling: DecoderSpelling("Olmo2ForCausalLM")
  ) { facts throws(ModelError) in
    var model = try DecoderConfiguration(facts)
    model.rotary = try facts.rope(width: model.headWidth).rotary
    model.parts.subtract([.attentionNorm, .feedForwardNorm])
    model.parts.formUnion([.queryNorm, .keyNorm, .afterAttentionNorm, .afterFeedForwardNorm])
    model.normsHeadsTogether = true
    if try facts.flag("attention_bias") { model.biases = [.query, .key, .value, .output] }
    return model
  }
}
