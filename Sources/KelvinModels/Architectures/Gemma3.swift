import KelvinAttention
import KelvinTensors

extension DecoderFamily {
  /// Gemma 3, text: five layers with a window, then one that sees everything; local layers turn faster.
  ///
  /// Norms stand on both sides of attention and feed-forward, queries and keys are normalised head by head, embeddings are
  /// multiplied by the root of their width. Hugging Face's gains are stored less 1.
  /// Source: Gemma Team 2025, arXiv 2503.19786.
  public static let gemma3 = DecoderFamily(
    names: ["gemma3", "gemma3_text"],
    summary: "Gemma 3, text: windows in five of six layers, norms on both sides, GEGLU",
    spelling: DecoderSpelling("Gemma3ForCausalLM", huggingFaceType: "gemma3_text", add: spell),
    chatTemplate: "gemma"
  ) { facts throws(ModelError) in
    var model = try DecoderConfiguration(gemma: facts)
    model.parts.formUnion([.queryNorm, .keyNorm])
    let pattern = try facts.size(.windowPattern, limit: DecoderConfiguration.Limit.layers, default: 6)
    model.sliding = try facts.sliding(layers: model.layers) { ($0 + 1) % pattern != 0 }
    model.rotary = try facts.rope(width: model.headWidth).rotary
    model.sliding?.rotary = try localRope(facts, width: model.headWidth).rotary
    // The 27B model's heads are narrower than its scale says.
    if facts.style == .gguf, model.layers == 62 {
      model.attentionScale = 1 / Float(model.hiddenWidth / model.heads).squareRoot()
    }
    return model
  }

  /// What local layers turn by, and how often a layer sees everything.
  private static func spell(_ translation: DecoderTranslation, _ result: inout Checkpoint) throws(ModelError) {
    translation.spellGemma(in: &result)
    guard let sliding = translation.model.sliding else { return }
    let local = try localRope(translation.facts, width: translation.model.headWidth)
    let key = result.style == .gguf ? "gemma3.rope.freq_base_swa" : "rope_local_base_freq"
    result.metadata[key] = .number(local.base)
    let pattern = (sliding.isSliding.firstIndex(of: false) ?? sliding.isSliding.count) + 1
    result.metadata[translation.name(.windowPattern)] = .integer(pattern)
  }

  /// How layers with a window turn: by a base of their own, never stretched.
  private static func localRope(_ facts: DecoderFacts, width: Int) throws(ModelError) -> Rope {
    let parameters = try facts.ropeParameters(of: "sliding_attention")
    let key = facts.style == .gguf ? facts.architecture + ".rope.freq_base_swa" : "rope_local_base_freq"
    let usual = try facts.plain.positive(key, default: 10_000)
    return Rope(
      pairs: .halves, width: width, base: try parameters.positive("rope_theta", default: usual), scaling: .none)
  }
}
