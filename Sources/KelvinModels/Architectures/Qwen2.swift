extension DecoderFamily {
  /// Qwen 2 and 2.5: queries, keys and values have biases.
  ///
  /// Where a configuration asks for windows, the upper layers have them.
  /// Source: Yang et al. 2024, arXiv 2407.10671.
  public static let qwen2 = DecoderFamily(
    names: ["qwen2"], summary: "Qwen 2 and 2.5: biases on queries, keys and values",
    spelling: DecoderSpelling("Qwen2ForCausalLM")
  ) { facts throws(ModelError) in
    var model = try DecoderConfiguration(facts)
    model.rotary = try facts.rope(width: model.headWidth).rotary
    model.biases = [.query, .key, .value]
    model.sliding = try facts.slidingUpperLayers(of: model.layers)
    return model
  }
}
