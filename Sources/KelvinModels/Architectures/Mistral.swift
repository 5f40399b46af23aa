extension DecoderFamily {
  /// Mistral: a Llama whose queries see a window of the newest positions, in all layers, where the file states one.
  ///
  /// GGUF files call it `llama` and do not state a window.
  /// Source: Jiang et al. 2023, arXiv 2310.06825.
  public static let mistral = DecoderFamily(
    names: ["mistral"], summary: "Mistral: a Llama with sliding windows (in GGUF files `llama`)",
    spelling: DecoderSpelling("MistralForCausalLM", ggufName: "llama", ggufFamily: { .llama })
  ) { facts throws(ModelError) in
    var model = try DecoderConfiguration(facts)
    model.rotary = try facts.rope(width: model.headWidth).rotary
    model.sliding = try facts.sliding(layers: model.layers, usualWindow: 4096) { _ in true }
    return model
  }
}
