import KelvinTensors

extension DecoderConfiguration {
  /// The largest sizes that are believed.
  ///
  /// Ten times what the largest published models have, and small enough for the
  /// kernels' 32-bit sizes and for products of two of them; positions are 32-bit, which bounds the context.
  enum Limit {
    static let layers = 1024
    static let heads = 4096
    static let headWidth = 1 << 14
    static let width = 1 << 20
    static let vocabulary = 1 << 24
    static let context = Int(Int32.max)
  }

  /// Reads what all decoders state.
  ///
  /// The sizes have no defaults; other defaults are those of Hugging Face's configurations. Anything that would change
  /// the numbers and is not computed here (experts, another activation) is refused by its name, not ignored.
  /// - Parameters:
  ///   - facts: of the file.
  ///   - activation: the family's.
  ///   - tiesEmbeddings: whether embedding and head are one where a configuration says nothing.
  ///   - feedForwardFactor: the feed-forward width in hidden widths where a file says nothing.
  /// - Throws: `ModelError` where a size is missing or senseless, or the model is not one computed here.
  init(
    _ facts: DecoderFacts, activation: Activation = .silu, tiesEmbeddings: Bool = false, feedForwardFactor: Int? = nil
  ) throws(ModelError) {
    self.activation = activation
    architecture = facts.family
    style = facts.style
    layers = try facts.size(.layers, limit: Limit.layers)
    hiddenWidth = try facts.size(.hiddenWidth, limit: Limit.width)
    heads = try facts.size(.heads, limit: Limit.heads)
    keyValueHeads = try facts.keyValueHeads(layers: layers, heads: heads)
    headWidth = try Self.headWidth(facts, hiddenWidth: hiddenWidth, heads: heads)
    let hidden = hiddenWidth
    feedForwardWidth = try facts.size(
      .feedForwardWidth, limit: Limit.width, default: feedForwardFactor.map { $0 * hidden })
    attentionScale = 1 / Float(headWidth).squareRoot()
    names = DecoderTensorNames(facts.style)
    switch facts.style {
    case .huggingFace:
      vocabulary = try facts.size(.vocabulary, limit: Limit.vocabulary)
      contextLength = try facts.size(.context, limit: Limit.context, default: 2048)
      normEpsilon = Float(try facts.positive(.normEpsilon, default: 1e-6))
      tiedEmbeddings = try facts.flag("tie_word_embeddings", default: tiesEmbeddings)
      try facts.refuseOtherActivations(than: activation)
      hasZeroSink = try facts.flag("softmax_off_by_one")
      if facts.plain.values["num_sink_tokens"] != .integer(0) {
        sinkTokens = try facts.plain.size("num_sink_tokens", limit: 1024, default: 0)
      }
      try facts.plain.refuse("sink_type", unless: [.string("learned_embedding")], supported: "'learned_embedding'")
      try facts.plain.refuse(
        "quantization_config", unless: [], supported: "weights in F32, F16 or BF16, or a GGUF file")
    case .gguf:
      vocabulary = try facts.ggufVocabulary(limit: Limit.vocabulary, embedding: names.embedding)
      contextLength = try facts.size(.context, limit: Limit.context)
      normEpsilon = Float(try facts.positive(.normEpsilon))
      // GGUF has no flag for this: the tensor is there or not.
      tiedEmbeddings = facts.has(tensor: names.head) == false
      try facts.plain.refuse(
        facts.name(.valueWidth), unless: [.integer(headWidth)], supported: "\(headWidth), the width of a head")
      try facts.plain.refuse(facts.name(.experts), unless: [.integer(0)], supported: "0 (no mixture of experts)")
    }
  }

  /// The width of a head: stated, or the hidden width shared out among the heads.
  private static func headWidth(_ facts: DecoderFacts, hiddenWidth: Int, heads: Int) throws(ModelError) -> Int {
    guard facts.states(.headWidth) || hiddenWidth.isMultiple(of: heads) else {
      throw facts.invalid(
        .headWidth, found: "not stated",
        expected: "a statement, as the \(heads) heads do not divide the hidden width \(hiddenWidth)")
    }
    let width = try facts.size(.headWidth, limit: Limit.headWidth, default: hiddenWidth / heads)
    guard width <= Limit.headWidth, width.isMultiple(of: 2) else {
      throw facts.invalid(.headWidth, found: "\(width)", expected: "an even width up to \(Limit.headWidth)")
    }
    return width
  }
}

extension DecoderConfiguration {
  /// What tools show of a model.
  var summary: ModelDescription {
    ModelDescription(
      architecture: architecture, layout: layout, queryHeads: heads, hiddenWidth: hiddenWidth,
      feedForwardWidth: feedForwardWidth, vocabulary: vocabulary, contextLength: contextLength,
      tiedEmbeddings: tiedEmbeddings, innerParameters: innerParameters, leadingTokens: sinkTokens)
  }
}
