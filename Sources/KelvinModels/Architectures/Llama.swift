import KelvinAttention
import KelvinTensors

extension DecoderFamily {
  /// The Llama family: norms in front, rotary positions, grouped-query attention and SwiGLU.
  ///
  /// Some have biases on all projections of attention, or of the feed-forward part. In GGUF files their rotary pairs lie
  /// side by side.
  /// Source: Touvron et al. 2023, arXiv 2302.13971; GQA: Ainslie et al. 2023, arXiv 2305.13245.
  public static let llama: DecoderFamily = DecoderFamily(
    names: ["llama"], summary: "Llama 2 and 3, SmolLM2, TinyLlama: MHA, GQA or MQA, rotary positions, SwiGLU",
    spelling: DecoderSpelling(
      "LlamaForCausalLM",
      add: { translation, result in
        guard result.style == .huggingFace else { return }
        result.metadata["attention_bias"] = .bool(translation.model.biases.contains(.query))
        result.metadata["mlp_bias"] = .bool(translation.model.biases.contains(.gate))
      })
  ) { facts throws(ModelError) in try DecoderConfiguration(llama: facts) }
}

extension DecoderConfiguration {
  /// The Llama family, and those who add to it.
  init(llama facts: DecoderFacts) throws(ModelError) {
    try self.init(facts)
    rotary = try facts.rope(width: headWidth, ggufPairs: .adjacent).rotary
    // GGUF has no flags for biases: the tensors are there or not.
    if try facts.flag("attention_bias") || facts.has(tensor: "blk.0.attn_q.bias") {
      biases.formUnion([.query, .key, .value, .output])
    }
    if try facts.flag("mlp_bias") || facts.has(tensor: "blk.0.ffn_gate.bias") {
      biases.formUnion([.gate, .up, .down])
    }
  }
}
