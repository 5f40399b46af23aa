extension DecoderFamily {
  /// Qwen 3: every head of queries and keys is normalised before it is turned, in place of biases.
  ///
  /// Heads together may be wider than the residual stream.
  /// Source: Yang et al. 2025, arXiv 2505.09388.
  public static let qwen3 = DecoderFamily(
    names: ["qwen3"], summary: "Qwen 3, dense: queries and keys normalised head by head",
    spelling: DecoderSpelling("Qwen3ForCausalLM")
  ) { facts throws(ModelError) in
    var model = try DecoderConfiguration(facts)
    model.rotary = try facts.rope(width: model.headWidth).rotary
    model.parts.formUnion([.queryNorm, .keyNorm])
    if try facts.flag("attention_bias") { model.biases = [.query, .key, .value, .output] }
    model.sliding = try facts.slidingUpperLayers(of: model.layers)
    return model
  }
}
