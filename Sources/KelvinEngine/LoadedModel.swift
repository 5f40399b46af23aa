import KelvinCheckpoints
public import KelvinModels
public import KelvinTensors
public import KelvinText

/// A model in memory with what its file says about text.
public struct LoadedModel: Sendable {
  /// The file's or folder's name.
  public let name: String
  /// The model itself.
  public let model: any LanguageModel
  /// `nil` where the file brings none; such a model works on token ids.
  public let tokenizer: Tokenizer?
  /// `nil` where the file brings none.
  public let chatTemplate: ChatTemplate?

  /// Reads and packs a model.
  /// - Parameters:
  ///   - path: a GGUF file, a folder with `config.json` and safetensors, or a llama2.c file.
  ///   - exact: keep all weights as 32-bit floats.
  ///   - progress: called with the share that is packed, in 0...1.
  public init(
    path: String, exact: Bool, processor: Processor, progress: (Double) -> Void = { _ in }
  ) throws(EngineError) {
    let checkpoint = try Self.checkpoint(path: path)
    do {
      model = try ArchitectureRegistry.makeModel(checkpoint, exact: exact, processor: processor, progress: progress)
    } catch {
      throw .unreadableModel(reason: error.description, isMissing: false)
    }
    name = checkpoint.name
    (tokenizer, chatTemplate) = try Self.text(checkpoint, path: path)
  }

  /// Only the tokenizer of a model; the weights stay in the file.
  /// - Throws: `EngineError.noTokenizer` where the file brings none.
  public static func tokenizer(path: String) throws(EngineError) -> Tokenizer {
    let checkpoint = try checkpoint(path: path)
    guard let tokenizer = try text(checkpoint, path: path).tokenizer else { throw .noTokenizer(model: checkpoint.name) }
    return tokenizer
  }

  /// What the file at `path` says, before anybody asks what model it is.
  static func checkpoint(path: String) throws(EngineError) -> Checkpoint {
    do {
      return try CheckpointReader.read(path: path)
    } catch {
      throw .unreadableModel(reason: error.description, isMissing: error.isUnreadable)
    }
  }

  /// What a model brings for text: each `nil` where the file has none.
  static func text(
    _ checkpoint: Checkpoint, path: String
  ) throws(EngineError) -> (tokenizer: Tokenizer?, chatTemplate: ChatTemplate?) {
    do {
      guard let vocabulary = try Vocabulary(checkpoint, path: path) else { return (nil, nil) }
      let template = try vocabulary.chatTemplate.map { source throws(TextError) in try ChatTemplate(source: source) }
      return (try Tokenizer(vocabulary), template)
    } catch {
      throw .text("\(checkpoint.name): \(error.description)")
    }
  }

  /// The tokenizer, or the error that says there is none.
  public func requireTokenizer() throws(EngineError) -> Tokenizer {
    guard let tokenizer else { throw .noTokenizer(model: name) }
    return tokenizer
  }
}

extension LoadedModel {
  /// The text of a conversation, as the model was trained on it.
  /// - Throws: `EngineError.noChatTemplate`, or `.text` with the template's complaint.
  public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool = true) throws(EngineError) -> String {
    guard let chatTemplate else { throw .noChatTemplate(model: name) }
    let tokenizer = try requireTokenizer()
    func piece(_ id: Int32?) -> String { id.flatMap { tokenizer.piece($0) } ?? "" }
    let special = tokenizer.vocabulary.special
    do {
      return try chatTemplate.render(
        messages,
        .init(addGenerationPrompt: addGenerationPrompt, bosToken: piece(special.begin), eosToken: piece(special.end)))
    } catch {
      throw .text("\(name): chat template: \(error.description)")
    }
  }
}
