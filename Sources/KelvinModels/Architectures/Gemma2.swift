import KelvinTensors

extension DecoderFamily {
  /// Gemma 2: every other layer has a window, and scores and logits are capped.
  ///
  /// Norms stand on both sides of attention and feed-forward, embeddings are multiplied by the root of their width.
  /// Hugging Face's gains are stored less 1.
  /// Source: Gemma Team 2024, arXiv 2408.00118.
  public static let gemma2 = DecoderFamily(
    names: ["gemma2"], summary: "Gemma 2: windows in every other layer, capped scores and logits, GEGLU",
    spelling: DecoderSpelling("Gemma2ForCausalLM", add: { $0.spellGemma(in: &$1) }), chatTemplate: "gemma"
  ) { facts throws(ModelError) in
    var model = try DecoderConfiguration(gemma: facts)
    model.rotary = try facts.rope(width: model.headWidth).rotary
    model.sliding = try facts.sliding(layers: model.layers) { $0.isMultiple(of: 2) }
    // The 27B model's heads are narrower than its scale says.
    if facts.style == .gguf, model.layers == 46 {
      model.attentionScale = 1 / Float(model.hiddenWidth / model.heads).squareRoot()
    }
    return model
  }
}
