import KelvinTensors

extension DecoderFamily {
  /// Phi-3 and Phi-4: one tensor for queries, keys and values, one for gate and up.
  ///
  /// A part of every head may stay unturned; long contexts are reached with LongRoPE. All layers have the window that the
  /// file states.
  /// Source: Abdin et al. 2024, arXiv 2404.14219.
  public static let phi3 = DecoderFamily(
    names: ["phi3"], summary: "Phi-3, Phi-4: fused projections, partial rotary positions, LongRoPE",
    spelling: DecoderSpelling(
      "Phi3ForCausalLM",
      add: { translation, result in
        // Converters state that there is no window, too.
        guard result.style == .gguf, translation.model.sliding == nil else { return }
        result.metadata[translation.name(.window)] = .integer(0)
      })
  ) { facts throws(ModelError) in
    var model = try DecoderConfiguration(facts)
    model.parts.subtract([.query, .key, .value, .gate, .up])
    model.parts.formUnion([.queryKeyValue, .gateUp])
    model.rotary = try facts.rope(turning: turnedChannels(facts, of: model.headWidth)).rotary
    model.sliding = try facts.sliding(layers: model.layers) { _ in true }
    model.names.derived.formUnion(["rope_factors_long.weight", "rope_factors_short.weight"])
    return model
  }

  /// The leading channels of a head that are turned: a share in Hugging Face's files, a count in GGUF's.
  private static func turnedChannels(_ facts: DecoderFacts, of headWidth: Int) throws(ModelError) -> Int {
    let width: Int
    let key: String
    switch facts.style {
    case .huggingFace:
      key = "partial_rotary_factor"
      let parameters = try facts.ropeParameters()
      let holder = parameters.values[key] == nil ? facts.plain : parameters
      width = Int(min(2, try holder.positive(key, default: 1)) * Double(headWidth))
    case .gguf:
      key = facts.architecture + ".rope.dimension_count"
      width = try facts.plain.size(key, limit: headWidth, default: headWidth)
    }
    guard width > 0, width <= headWidth, width.isMultiple(of: 2) else {
      throw .invalid(
        model: facts.plain.model, key: key, found: "\(width) channels",
        expected: "an even number up to the head width \(headWidth)")
    }
    return width
  }
}
