public import KelvinTensors

/// A family of decoders: its names, and what is particular about it.
public struct DecoderFamily: Sendable {
  /// Hugging Face's `model_type` and GGUF's `general.architecture`, the family's own name first.
  public let names: [String]
  /// One line: the models and what is particular about them.
  public let summary: String
  /// Keys of Hugging Face's configurations that this family calls otherwise.
  let renamed: [String: String]
  /// The chat template of all its models that converse, by its name; `nil` where they differ.
  let chatTemplate: String?
  /// How its files are written; `nil` where they are only run.
  let spelling: DecoderSpelling?
  private let read: @Sendable (DecoderFacts) throws(ModelError) -> DecoderConfiguration

  init(
    names: [String], summary: String, renamed: [String: String] = [:], spelling: DecoderSpelling? = nil,
    chatTemplate: String? = nil,
    read: @escaping @Sendable (DecoderFacts) throws(ModelError) -> DecoderConfiguration
  ) {
    self.names = names
    self.summary = summary
    self.renamed = renamed
    self.spelling = spelling
    self.chatTemplate = chatTemplate
    self.read = read
  }

  /// Reads the sizes from `checkpoint`; whether its tensors have them is the question that `validate` answers.
  /// - Throws: `ModelError` where a size is missing or senseless, or the model is not of this family.
  public func configuration(of checkpoint: Checkpoint) throws(ModelError) -> DecoderConfiguration {
    try read(try facts(of: checkpoint))
  }

  /// What the file says in the words of this family.
  func facts(of checkpoint: Checkpoint) throws(ModelError) -> DecoderFacts {
    let plain = CheckpointFacts(checkpoint)
    let architecture = try plain.architecture(style: checkpoint.style)
    guard names.contains(architecture) else {
      throw .unsupportedArchitecture(model: checkpoint.name, found: architecture.quoted, supported: names)
    }
    return DecoderFacts(
      checkpoint: checkpoint, plain: plain, family: names[0], architecture: architecture, renamed: renamed)
  }

  /// The registry's line.
  public var entry: ArchitectureEntry {
    ArchitectureEntry(
      names: names, summary: summary,
      describe: { checkpoint throws(ModelError) in try configuration(of: checkpoint).summary },
      make: { checkpoint, exact, processor, progress throws(ModelError) in
        try Decoder(
          try configuration(of: checkpoint), checkpoint, exact: exact, processor: processor, progress: progress)
      }, conversion: spelling.map(conversion), chatTemplate: chatTemplate)
  }

  private func conversion(_ spelling: DecoderSpelling) -> ArchitectureConversion {
    ArchitectureConversion(
      translate: { checkpoint, style throws(ModelError) in
        try DecoderTranslation(checkpoint, of: self, spelling, to: style).checkpoint()
      },
      keyValueHeads: { checkpoint throws(ModelError) in
        let model = try configuration(of: checkpoint)
        try model.validate(checkpoint)
        return model.keyValueHeads(key: try facts(of: checkpoint).name(.keyValueHeads))
      })
  }
}

extension CheckpointFacts {
  /// What the file says that the model is.
  func architecture(style: Checkpoint.Style) throws(ModelError) -> String {
    let key = style == .gguf ? "general.architecture" : "model_type"
    guard let found = try text(key) else { throw .missing(model: model, key: key) }
    return found
  }
}
