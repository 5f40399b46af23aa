import KelvinAttention
import KelvinTensors

/// A decoder in the names, keys and forms of another style.
///
/// What is written is read again by the family that reads such files, and must be the same model: what the other style
/// has no place for is refused by its name, not lost.
struct DecoderTranslation {
  let source: Checkpoint
  let style: Checkpoint.Style
  let family: DecoderFamily
  let spelling: DecoderSpelling
  /// What the source says.
  let facts: DecoderFacts
  let model: DecoderConfiguration
  /// How the source turns queries and keys; `nil`: it does not.
  let rope: Rope?

  init(
    _ checkpoint: Checkpoint, of family: DecoderFamily, _ spelling: DecoderSpelling, to style: Checkpoint.Style
  ) throws(ModelError) {
    source = checkpoint
    self.style = style
    self.family = family
    self.spelling = spelling
    facts = try family.facts(of: checkpoint)
    model = try family.configuration(of: checkpoint)
    try model.validate(checkpoint)
    if let rotary = model.rotary {
      rope = try facts.rope(turning: rotary.width, ggufPairs: rotary.pairs)
    } else {
      rope = nil
    }
  }

  /// GGUF's `general.architecture` or Hugging Face's `model_type` of what is written.
  var architecture: String {
    (style == .gguf ? spelling.ggufName : spelling.huggingFaceType) ?? family.names[0]
  }

  func checkpoint() throws(ModelError) -> Checkpoint {
    var result = Checkpoint(name: source.name, style: style, metadata: statedKeys, tensors: [:])
    if let rope { try rope.state(in: &result, architecture: architecture, headWidth: model.headWidth) }
    try spelling.add(self, &result)
    // A model that keeps its style keeps what else its file says.
    if source.style == style {
      result.metadata = source.metadata.filter { $0.key != "kelvin.rotary_pairs" }
        .merging(result.metadata) { old, _ in old }
    }
    let reader = style == .gguf ? spelling.ggufFamily?() ?? family : family
    // Names and forms of tensors follow from the keys alone.
    let target = try reader.configuration(of: result)
    result.tensors.merge(tensors(as: target)) { $1 }
    try requireSameModel(reader.configuration(of: result))
    return result
  }

  // MARK: Tensors

  private func tensors(as target: DecoderConfiguration) -> [String: StoredTensor] {
    var tensors: [String: StoredTensor] = [:]
    func move(_ old: String, _ new: String, change: (StoredTensor) -> StoredTensor = { $0 }) {
      guard var tensor = source.tensors[old].map(change) else { return }
      tensor.name = new
      tensors[new] = tensor
    }
    move(model.names.embedding, target.names.embedding)
    if model.hasPositionEmbedding { move(model.names.positions, target.names.positions) }
    if !model.tiedEmbeddings { move(model.names.head, target.names.head) }
    move(model.names.finalNorm, target.names.finalNorm) { withGains($0, of: target) }
    move(model.names.bias(of: model.names.finalNorm), target.names.bias(of: target.names.finalNorm))
    for layer in 0..<model.layers {
      for part in LayerPart.allCases where model.parts.contains(part) {
        let (old, new) = (model.names.name(part, layer: layer), target.names.name(part, layer: layer))
        move(old, new) { part.isNorm ? withGains($0, of: target) : withRows($0, of: part, target) }
        move(model.names.bias(of: old), target.names.bias(of: new)) { withPairs($0, of: part, target) }
      }
    }
    return tensors
  }

  /// A matrix with its rows in the target's order, and rows where the target has them.
  private func withRows(
    _ tensor: StoredTensor, of part: LayerPart, _ target: DecoderConfiguration
  ) -> StoredTensor {
    let turned = withPairs(tensor, of: part, target)
    return model.isTransposed == target.isTransposed ? turned : turned.transposed()
  }

  private func withPairs(
    _ tensor: StoredTensor, of part: LayerPart, _ target: DecoderConfiguration
  ) -> StoredTensor {
    guard part == .query || part == .key, let old = model.rotary, let new = target.rotary else { return tensor }
    return tensor.withRotaryPairs(new.pairs, from: old.pairs, headWidth: model.headWidth)
  }

  /// Gains stored less what the target adds to them.
  private func withGains(_ tensor: StoredTensor, of target: DecoderConfiguration) -> StoredTensor {
    let difference = model.norm.offset - target.norm.offset
    guard difference != 0 else { return tensor }
    return StoredTensor(name: tensor.name, shape: tensor.shape) {
      ContiguousArray(tensor.numbers().map { $0 + difference })
    }
  }

  // MARK: Checking

  /// Refuses a translation that says something else than its source.
  private func requireSameModel(_ target: DecoderConfiguration) throws(ModelError) {
    for (old, new) in zip(meaning(of: model), meaning(of: target)) where old.value != new.value {
      let file = style == .gguf ? "a GGUF file" : "a config.json"
      throw .unsupported(
        model: source.name, key: old.key, found: old.value,
        supported: ["\(new.value), which is all that \(file) of a \(architecture) can say"])
    }
    for (old, new) in zip(model.layout.stores, target.layout.stores) {
      guard let old = old.rotary, let new = new.rotary, !old.turns(like: new) else { continue }
      throw .unsupported(
        model: source.name, key: "rope_scaling", found: "a scaling of positions that \(style) files cannot state",
        supported: ["none", "linear", "llama3", "yarn", "longrope"])
    }
    precondition(
      model.parts == target.parts && model.vocabulary == target.vocabulary && model.layers == target.layers
        && model.keyValueHeads == target.keyValueHeads,
      "another model is read than was written: \(target)")
  }

  /// What could be lost, by the keys of the source.
  private func meaning(of model: DecoderConfiguration) -> [(key: String, value: String)] {
    func text(_ number: Float?) -> String { number.map { "\($0)" } ?? "none" }
    let reaches = model.layout.stores.map(\.reach)
    return [
      (facts.name(.window), Self.text(reaches)),
      (facts.name(.queryScale), text(Self.queryScale(of: model))),
      (facts.name(.attentionSoftcap), text(model.attentionSoftcap)),
      (facts.name(.logitSoftcap), text(model.logitSoftcap)),
      (facts.name(.normEpsilon), text(model.normEpsilon)),
      ("attention_bias", "\(model.biases.contains(.query) || model.biases.contains(.queryKeyValue))"),
      ("biases", "\(model.biases.count)"),
      ("tie_word_embeddings", "\(model.tiedEmbeddings)"),
      ("num_sink_tokens", "\(model.sinkTokens)"),
      ("softmax_off_by_one", "\(model.hasZeroSink)"),
    ]
  }

  /// The number whose root scores are divided by, without what the root has lost.
  var queryScale: Float { Self.queryScale(of: model) }

  private static func queryScale(of model: DecoderConfiguration) -> Float {
    (1 / (model.attentionScale * model.attentionScale) * 1024).rounded() / 1024
  }

  /// `12 in layers 0, 2`.
  private static func text(_ reaches: [StoreLayout.Reach]) -> String {
    let windows = reaches.enumerated().compactMap { layer, reach in
      if case .window(let window) = reach { (layer, window) } else { nil }
    }
    guard let (_, window) = windows.first else { return "none" }
    return "\(window) in layers \(windows.map { "\($0.0)" }.joined(separator: ", "))"
  }
}

extension DecoderConfiguration.NormKind {
  /// What is added to stored gains.
  fileprivate var offset: Float {
    switch self {
    case .rootMeanSquare(let offset): offset
    case .layer: 0
    }
  }
}
