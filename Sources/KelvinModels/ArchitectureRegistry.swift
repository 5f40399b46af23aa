public import KelvinTensors

/// The architectures that Kelvin runs.
public enum ArchitectureRegistry {
  /// One line per architecture.
  public static let all: [ArchitectureEntry] = [
    DecoderFamily.llama.entry,
    DecoderFamily.qwen2.entry,
    DecoderFamily.qwen3.entry,
    DecoderFamily.olmo2.entry,
    DecoderFamily.gpt2.entry,
    DecoderFamily.phi3.entry,
    DecoderFamily.mistral.entry,
    DecoderFamily.gemma3.entry,
    DecoderFamily.gemma2.entry,
    DeepSeek.entry,
    YOCO.entry,
    DecoderFamily.dmc.entry,
  ]

  /// Makes the model of a checkpoint.
  /// - Throws: `ModelError`; an architecture that is not in the list is refused by its name.
  public static func makeModel(
    _ checkpoint: Checkpoint, exact: Bool, processor: Processor, progress: (Double) -> Void = { _ in }
  ) throws(ModelError) -> any LanguageModel {
    try entry(of: checkpoint).make(checkpoint, exact, processor, progress)
  }

  /// What a checkpoint says about its model; no weight is read, and none need be there.
  /// - Throws: `ModelError`, as `makeModel`.
  public static func describe(_ checkpoint: Checkpoint) throws(ModelError) -> ModelDescription {
    try entry(of: checkpoint).describe(checkpoint)
  }

  /// The name of the chat template that all conversing models of this architecture were trained on; `nil` where they
  /// differ or the architecture is unknown.
  public static func chatTemplate(of checkpoint: Checkpoint) -> String? { try? entry(of: checkpoint).chatTemplate }

  static func entry(of checkpoint: Checkpoint) throws(ModelError) -> ArchitectureEntry {
    let found = try CheckpointFacts(checkpoint).architecture(style: checkpoint.style)
    guard let entry = all.first(where: { $0.names.contains(found) }) else {
      throw .unsupportedArchitecture(model: checkpoint.name, found: found.quoted, supported: all.flatMap(\.names))
    }
    return entry
  }
}

/// What the registry knows of an architecture.
public struct ArchitectureEntry: Sendable {
  /// GGUF's `general.architecture` and Hugging Face's `model_type`; the first is the one that tools show.
  public let names: [String]
  /// One line: the families and what is particular about them.
  public let summary: String
  /// What the metadata alone says.
  let describe: @Sendable (Checkpoint) throws(ModelError) -> ModelDescription
  let make:
    @Sendable (Checkpoint, _ exact: Bool, Processor, _ progress: (Double) -> Void) throws(ModelError) ->
      any LanguageModel
  /// How its checkpoints are translated and pooled; `nil` where they are only run.
  var conversion: ArchitectureConversion?
  /// The chat template of all its models that converse, by its name; `nil` where they differ.
  public var chatTemplate: String?
}
