import KelvinCheckpoints
public import KelvinModels
public import KelvinTensors
public import KelvinText

/// What a model's files say, without loading the weights.
public struct ModelInspection: Sendable {
  /// Tensors of one format.
  public struct Tensors: Sendable, Hashable {
    /// How their numbers are written.
    public var format: WeightFormat
    /// How many tensors there are.
    public var count: Int
    /// Bytes in the file.
    public var bytes: Int
  }

  /// The file's or folder's name.
  public let name: String
  /// Whose names the file uses.
  public let style: Checkpoint.Style
  /// The sizes of the model.
  public let description: ModelDescription
  /// One element per format that occurs, most bytes first; empty for a configuration without weights.
  public let tensors: [Tensors]
  /// `nil` where the model brings none.
  public let tokenizer: Tokenizer?
  /// Where the chat template in force comes from; `nil` where there is none.
  public let chatTemplate: ChatTemplateOrigin?

  /// Reads a model's metadata; see `LoadedModel` for what `path` may be.
  public init(path: String) throws(EngineError) {
    let checkpoint = try LoadedModel.checkpoint(path: path)
    let tokenizer = try LoadedModel.tokenizer(checkpoint, path: path)
    try self.init(checkpoint, tokenizer: tokenizer)
  }

  /// Reads a `config.json` that stands alone.
  public init(configuration path: String) throws(EngineError) {
    let checkpoint: Checkpoint
    do {
      checkpoint = try CheckpointReader.read(configuration: path)
    } catch {
      throw .unreadableModel(reason: error.description, isMissing: error.isUnreadable)
    }
    try self.init(checkpoint, tokenizer: nil)
  }

  private init(_ checkpoint: Checkpoint, tokenizer: Tokenizer?) throws(EngineError) {
    do {
      description = try ArchitectureRegistry.describe(checkpoint)
    } catch {
      throw .unreadableModel(reason: error.description, isMissing: false)
    }
    name = checkpoint.name
    style = checkpoint.style
    tensors = Dictionary(grouping: checkpoint.tensors.values, by: \.format)
      .map { Tensors(format: $0, count: $1.count, bytes: $1.reduce(0) { $0 + $1.range.count }) }
      .sorted { ($1.bytes, $0.format.rawValue) < ($0.bytes, $1.format.rawValue) }
    self.tokenizer = tokenizer
    let usual = tokenizer == nil ? nil : ArchitectureRegistry.chatTemplate(of: checkpoint)
    chatTemplate = tokenizer?.vocabulary.chatTemplate == nil ? usual.map { .usual($0) } : .model
  }

  /// Bytes of all tensors in the file.
  public var weightBytes: Int { tensors.reduce(0) { $0 + $1.bytes } }
}
