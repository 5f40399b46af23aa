import KelvinAttention
import KelvinTensors

/// A DeepSeek in the names, keys and forms of the other style.
///
/// GGUF files have the experts of a layer in one tensor, up-projections of keys and values apart, as llama.cpp expects, and
/// rotary pairs side by side; `config.json` is called a third version where the router is that of one, or there is none.
/// Layers behind the last, which predict further tokens, are left out. What is written is read again and must be the same
/// model: what the other style has no place for is refused by its name.
struct DeepSeekTranslation {
  let source: Checkpoint
  /// What the source says.
  let model: DeepSeekConfiguration
  /// The same in the other style.
  let target: DeepSeekConfiguration
  private let rope: DeepSeekRope

  /// What the registry's line says about it.
  static let conversion = ArchitectureConversion(
    translate: { checkpoint, style throws(ModelError) in
      try checkpoint.style == style ? checkpoint : DeepSeekTranslation(checkpoint, to: style).checkpoint()
    },
    keyValueHeads: { checkpoint throws(ModelError) in
      throw .unsuitableRetrofit(
        model: checkpoint.name, option: "kv-heads", found: "pooling latents, which all heads share,",
        expected: "a model with KV heads, or none of this option")
    },
    omissions: { checkpoint throws(ModelError) in
      let layers = try DeepSeekConfiguration(checkpoint).extraLayers
      return layers == 0
        ? [] : ["left out, as nothing here runs them: num_nextn_predict_layers, \(layers) behind the last"]
    })

  private init(_ checkpoint: Checkpoint, to style: Checkpoint.Style) throws(ModelError) {
    source = checkpoint
    let model = try DeepSeekConfiguration(checkpoint)
    try model.validate(checkpoint)
    let facts = CheckpointFacts(checkpoint)
    rope =
      switch model.style {
      case .gguf: try DeepSeekRope(gguf: facts, width: model.rotaryWidth)
      case .huggingFace:
        try DeepSeekRope(huggingFace: facts, width: model.rotaryWidth, contextLength: model.contextLength)
      }
    var target = model
    target.style = style
    target.splitsUpProjections = style == .gguf
    target.extraLayers = 0
    (self.model, self.target) = (model, target)
  }

  private func checkpoint() throws(ModelError) -> Checkpoint {
    var metadata = target.statedKeys.merging(rope.statedKeys(in: target.style)) { $1 }
    metadata["kelvin.rotary_frequencies"] = source.metadata["kelvin.rotary_frequencies"]
    if target.style == .gguf { metadata["general.name"] = .string(source.name) }
    let result = Checkpoint(name: source.name, style: target.style, metadata: metadata, tensors: tensors)
    try requireSameModel(DeepSeekConfiguration(result))
    return result
  }

  // MARK: Checking

  /// Refuses a translation that says something else than its source.
  private func requireSameModel(_ found: DeepSeekConfiguration) throws(ModelError) {
    let isFile = model.style == .gguf
    func refuse(_ key: String, _ value: String, _ supported: String) -> ModelError {
      .unsupported(model: source.name, key: key, found: value, supported: [supported])
    }
    if let old = model.experts?.routing, let new = found.experts?.routing, old.groups > 1,
      old.groupScore != new.groupScore
    {
      throw refuse(
        isFile ? "deepseek2.expert_gating_func" : "topk_method",
        "\(old.scores)\(old.hasCorrection ? " with" : " without") a correction, in groups",
        "groups where scores are softmax without a correction, or sigmoid with one")
    }
    let scaling = isFile ? "deepseek2.rope.scaling." : source.metadata.scalingPrefix
    if let old = model.rotary.first, let new = found.rotary.first, abs(old.magnitude / new.magnitude - 1) >= 1e-5 {
      let magnitude = (old.magnitude * 10_000).rounded() / 10_000
      throw refuse(
        scaling + "mscale", "another than mscale_all_dim, so that turned channels are multiplied by \(magnitude)",
        "the value of mscale_all_dim, as GGUF has no key for two")
    }
    let turnAlike = zip(model.rotary, found.rotary).allSatisfy { $0 == $1 || $0.turns(like: $1) }
    guard turnAlike, abs(model.attentionScale / found.attentionScale - 1) < 1e-5 else {
      throw refuse(scaling + "factor", "beside numbers that 32 bits cannot hold", "numbers of usual size")
    }
    var expected = target
    (expected.rotary, expected.attentionScale) = (found.rotary, found.attentionScale)
    expected.experts?.routing.groupScore = found.experts?.routing.groupScore ?? .best
    precondition(expected == found, "another model is read than was written: \(found)")
  }
}

extension [String: MetadataValue] {
  /// The object of a `config.json` that describes the turning.
  fileprivate var scalingPrefix: String { self["rope_parameters"] == nil ? "rope_scaling." : "rope_parameters." }
}
