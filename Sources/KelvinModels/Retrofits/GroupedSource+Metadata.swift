import KelvinTensors

extension GroupedSource {
  /// What the file of a converted model says: what it said about anything else, and the sizes of a DeepSeek.
  /// - Parameter frequencies: of all turned pairs, layer by layer.
  func metadata(of conversion: LatentConversion, frequencies: [Double]) -> [String: MetadataValue] {
    var metadata = otherMetadata.merging(latent(conversion).statedKeys) { $1 }
    metadata["kelvin.rotary_frequencies"] = .numbers(frequencies)
    return metadata
  }

  /// The source's, without its sizes.
  private var otherMetadata: [String: MetadataValue] {
    let stale = ["head_dim", "rope_scaling", "rope_parameters", "kelvin.rotary_pairs"]
    let family = configuration.architecture + "."
    return checkpoint.metadata.filter {
      checkpoint.style == .gguf ? !$0.key.hasPrefix(family) : !stale.contains($0.key)
    }
  }

  private func latent(_ conversion: LatentConversion) -> DeepSeekConfiguration {
    DeepSeekConfiguration(
      style: checkpoint.style, layers: layers, hiddenWidth: configuration.hiddenWidth, heads: heads,
      latentWidth: conversion.latentWidth, plainWidth: headWidth - conversion.turnedChannels,
      rotaryWidth: conversion.turnedChannels * keyValueHeads, valueWidth: headWidth,
      feedForwardWidth: configuration.feedForwardWidth, denseLayers: layers, vocabulary: configuration.vocabulary,
      contextLength: configuration.contextLength, normEpsilon: configuration.normEpsilon, normalisesLatents: false,
      rotary: [], attentionScale: 1, tiedEmbeddings: configuration.tiedEmbeddings, splitsUpProjections: false,
      extraLayers: 0)
  }
}
