import KelvinTensors

extension DecoderTranslation {
  /// The keys that every decoder's file has.
  var statedKeys: [String: MetadataValue] {
    var metadata: [String: MetadataValue] = [
      name(.layers): .integer(model.layers),
      name(.context): .integer(model.contextLength),
      name(.hiddenWidth): .integer(model.hiddenWidth),
      name(.feedForwardWidth): .integer(model.feedForwardWidth),
      name(.heads): .integer(model.heads),
      name(.keyValueHeads): .perLayer(model.keyValueHeads),
      name(.headWidth): .integer(model.headWidth),
      name(.vocabulary): .integer(model.vocabulary),
    ]
    if let sliding = model.sliding { metadata[name(.window)] = .integer(sliding.window) }
    metadata[name(.attentionSoftcap)] = model.attentionSoftcap.map { .shortest($0) }
    metadata[name(.logitSoftcap)] = model.logitSoftcap.map { .shortest($0) }
    switch style {
    case .gguf:
      metadata["general.architecture"] = .string(architecture)
      metadata["general.name"] = .string(source.name)
      metadata[name(.valueWidth)] = .integer(model.headWidth)
      metadata[name(.normEpsilon)] = .number(Double(model.normEpsilon))
    case .huggingFace:
      metadata["architectures"] = .strings([spelling.huggingFaceClass])
      metadata["model_type"] = .string(architecture)
      metadata["hidden_act"] = .string(model.activation.huggingFaceNames[0])
      metadata[name(.normEpsilon)] = .shortest(model.normEpsilon)
      metadata["tie_word_embeddings"] = .bool(model.tiedEmbeddings)
    }
    return metadata
  }

  /// What a fact is called in the file that is written.
  func name(_ key: DecoderFacts.Key) -> String {
    key.name(in: style, of: architecture, renamed: family.renamed)
  }
}

extension MetadataValue {
  /// The shortest decimal that is this float: 1e-05, not 9.999999747378752e-06.
  static func shortest(_ value: Float) -> MetadataValue { .number(Double("\(value)") ?? Double(value)) }
}
