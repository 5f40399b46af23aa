import KelvinCheckpoints
public import KelvinModels
import KelvinPolicies
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
  /// `nil` where the file brings none, none was asked for, and models of its architecture have different ones.
  public let chatTemplate: ChatTemplate?
  /// Where `chatTemplate` comes from.
  public let chatTemplateOrigin: ChatTemplateOrigin?
  /// Why the file's chat template cannot be used, where it cannot; the model still generates.
  let templateProblem: String?
  /// `[V]` What each token is to a policy; empty without a tokenizer.
  let entryKinds: [EntryKind]
  /// What tells the model from others.
  let fingerprint: ModelFingerprint
  /// What its products read and compute.
  let cost: ModelCost

  /// Reads and packs a model.
  /// - Parameters:
  ///   - path: a GGUF file, a folder with `config.json` and safetensors, or a llama2.c file.
  ///   - exact: keep all weights as 32-bit floats.
  ///   - sequenceLength: the longest sequence that is planned, by which LongRoPE chooses; `nil`: the model's context.
  ///   - chatTemplate: a name of `ChatTemplateRegistry` or a file; `nil`: the model's own, or the usual one.
  ///   - processor: whose threads pack.
  ///   - progress: called with the share that is packed, in 0...1.
  public init(
    path: String, exact: Bool, sequenceLength: Int? = nil, chatTemplate: String? = nil, processor: Processor,
    progress: (Double) -> Void = { _ in }
  ) throws(EngineError) {
    var checkpoint = try Self.checkpoint(path: path)
    checkpoint.metadata["kelvin.sequence_length"] = sequenceLength.map { .integer($0) }
    do {
      model = try ArchitectureRegistry.makeModel(checkpoint, exact: exact, processor: processor, progress: progress)
    } catch {
      throw .unreadableModel(reason: error.description, isMissing: false)
    }
    cost = ModelCost(checkpoint, of: model, exact: exact)
    name = checkpoint.name
    fingerprint = ModelFingerprint(checkpoint)
    tokenizer = try Self.tokenizer(checkpoint, path: path)
    entryKinds = tokenizer?.kinds.map { EntryKind(rawValue: $0.rawValue) ?? .ordinary } ?? []
    let own = tokenizer?.vocabulary.chatTemplate
    let usual = tokenizer == nil ? nil : ArchitectureRegistry.chatTemplate(of: checkpoint)
    if chatTemplate == nil, let own {
      let parsed = ChatTemplate.parsed(own)
      (self.chatTemplate, chatTemplateOrigin) = (parsed.template, .model)
      templateProblem = parsed.problem.map { "\(checkpoint.name): chat template: \($0)" }
    } else {
      self.chatTemplate = try (chatTemplate ?? usual).map { name throws(EngineError) in try ChatTemplate(named: name) }
      chatTemplateOrigin = chatTemplate.map { .asked($0) } ?? usual.map { .usual($0) }
      templateProblem = nil
    }
  }

  /// Only the tokenizer of a model; the weights stay in the file.
  /// - Throws: `EngineError.noTokenizer` where the file brings none.
  public static func tokenizer(path: String) throws(EngineError) -> Tokenizer {
    let checkpoint = try checkpoint(path: path)
    guard let tokenizer = try tokenizer(checkpoint, path: path) else { throw .noTokenizer(model: checkpoint.name) }
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

  /// The tokenizer that a model brings; `nil` where the file has none.
  static func tokenizer(_ checkpoint: Checkpoint, path: String) throws(EngineError) -> Tokenizer? {
    do {
      guard let vocabulary = try Vocabulary(checkpoint, path: path) else { return nil }
      return try Tokenizer(vocabulary)
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
    if let templateProblem { throw .text(templateProblem) }
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
