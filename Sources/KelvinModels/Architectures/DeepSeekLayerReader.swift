import KelvinTensors

/// Takes the parts of one DeepSeek layer out of a checkpoint whose tensors are known to be right.
struct DeepSeekLayerReader {
  let reader: WeightReader
  let configuration: DeepSeekConfiguration
  let index: Int

  func layer() throws(ModelError) -> DeepSeek.Layer {
    DeepSeek.Layer(
      attentionNorm: try reader.vector(name(.attentionNorm)),
      feedForwardNorm: try reader.vector(name(.feedForwardNorm)),
      normEpsilon: configuration.normEpsilon, attention: try attention(), feedForward: try feedForward())
  }

  private func name(_ part: DeepSeekTensorNames.Part) -> String { configuration.names.name(part, layer: index) }

  private func attention() throws(ModelError) -> LatentAttention {
    LatentAttention(
      index: index, scale: configuration.attentionScale, queries: try queries(),
      down: try reader.weight(name(.latentDown)),
      gain: configuration.normalisesLatents ? try reader.vector(name(.latentNorm)) : nil,
      projections: try projections(), output: try reader.weight(name(.output)))
  }

  private func queries() throws(ModelError) -> LatentAttention.Queries {
    guard configuration.queryLatentWidth != nil else { return .plain(try reader.weight(name(.query))) }
    return .latent(
      down: try reader.weight(name(.queryDown)), gain: try reader.vector(name(.queryNorm)),
      up: try reader.weight(name(.queryUp)))
  }

  private func projections() throws(ModelError) -> LatentUpProjections {
    let (plain, value) = (configuration.plainWidth, configuration.valueWidth)
    let latent = configuration.latentWidth
    var keys: [ContiguousArray<Float>] = []
    var values: [ContiguousArray<Float>] = []
    if configuration.splitsUpProjections {
      let (allKeys, allValues) = (try reader.vector(name(.keyUp)), try reader.vector(name(.valueUp)))
      for head in 0..<configuration.heads {
        let key = ContiguousArray(allKeys[head * plain * latent..<(head + 1) * plain * latent])
        keys.append(LatentUpProjections.transposed(key, columns: plain))
        values.append(ContiguousArray(allValues[head * value * latent..<(head + 1) * value * latent]))
      }
    } else {
      let all = try reader.vector(name(.keyValueUp))
      for head in 0..<configuration.heads {
        let first = head * (plain + value) * latent
        keys.append(ContiguousArray(all[first..<first + plain * latent]))
        values.append(ContiguousArray(all[first + plain * latent..<first + (plain + value) * latent]))
      }
    }
    let widths = LatentUpProjections.Widths(
      plain: plain, rotary: configuration.rotaryWidth, value: value, latent: latent)
    do {
      return try LatentUpProjections(widths, keys: keys, values: values, processor: reader.processor)
    } catch {
      throw .unusableTensor(model: reader.checkpoint.name, reason: error.description)
    }
  }

  private func feedForward() throws(ModelError) -> DeepSeek.Layer.FeedForward {
    guard let experts = configuration.experts, configuration.hasExperts(index) else {
      return .dense(try matrices(.gate, .up, .down))
    }
    var routed: [GatedFeedForward] = []
    for expert in 0..<experts.routing.experts {
      routed.append(try matrices(.expertGate, .expertUp, .expertDown, expert: expert))
    }
    return .experts(
      MixtureOfExperts(
        routing: experts.routing, router: try reader.weight(name(.router)),
        correction: experts.routing.hasCorrection ? try reader.vector(name(.correction)) : nil, experts: routed,
        shared: experts.sharedWidth == nil ? nil : try matrices(.sharedGate, .sharedUp, .sharedDown)))
  }

  /// A feed-forward part; where the file has the experts of a layer in one tensor, number `expert` of them.
  private func matrices(
    _ gate: DeepSeekTensorNames.Part, _ up: DeepSeekTensorNames.Part, _ down: DeepSeekTensorNames.Part,
    expert: Int? = nil
  ) throws(ModelError) -> GatedFeedForward {
    func weight(_ part: DeepSeekTensorNames.Part) throws(ModelError) -> Weight {
      let name = configuration.names.name(part, layer: index, expert: expert ?? 0)
      guard let expert, configuration.style == .gguf else { return try reader.weight(name) }
      return try reader.weight(name, part: expert)
    }
    return GatedFeedForward(gate: try weight(gate), up: try weight(up), down: try weight(down))
  }
}
