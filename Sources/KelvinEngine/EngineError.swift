import KelvinModels
import KelvinText

/// Why a request cannot be carried out.
public enum EngineError: Error, Hashable, CustomStringConvertible {
  /// A model file or folder that cannot be read; `reason` is the reader's sentence.
  case unreadableModel(reason: String, isMissing: Bool)
  /// A model that cannot be written; `reason` is the writer's sentence.
  case unwritableModel(reason: String)
  /// The caller wanted no more.
  case cancelled
  case invalidOption(option: String, found: String, expected: String)
  /// An option that does not fit the model; `reason` is the sentence of what was to be done.
  case unsuitableOption(reason: String)
  case emptyPrompt
  case tokenOutsideVocabulary(token: Int32, vocabulary: Int)
  case contextOverflow(tokens: Int, context: Int)
  case noTokenizer(model: String)
  case noChatTemplate(model: String)
  case text(String)
  case policy(String)
  case memory(String)
  /// A cache file that is refused; the sequence that it was for is as it was.
  case unreadableCache(file: String, reason: String, isMissing: Bool)
  case unwritableCache(file: String, reason: String)

  /// The error in one sentence.
  public var description: String {
    switch self {
    case .unreadableModel(let reason, _), .unwritableModel(let reason), .unsuitableOption(let reason): reason
    case .cancelled: "cancelled before the end"
    case .invalidOption(let option, let found, let expected):
      "option '\(option)': \(found) is not possible, expected \(expected)"
    case .emptyPrompt:
      "the prompt has no tokens; give some text with -p or -f"
    case .tokenOutsideVocabulary(let token, let vocabulary):
      "token \(token) is outside the model's vocabulary of \(vocabulary)"
    case .contextOverflow(let tokens, let context):
      "\(tokens) tokens do not fit the context of \(context); shorten the prompt or -n, or choose a policy that "
        + "closes ranks, such as --kv-policy streaming"
    case .noTokenizer(let model):
      "\(model) has no tokenizer; give token ids instead of text"
    case .noChatTemplate(let model):
      "\(model) has no chat template; give one with --chat-template: \(ChatTemplate.choices)"
    case .unreadableCache(let file, let reason, _): "\(file): \(reason)"
    case .unwritableCache(let file, let reason): "\(file): the cache cannot be saved: \(reason)"
    case .text(let reason), .policy(let reason), .memory(let reason): reason
    }
  }
}

extension EngineError {
  /// What a conversion says of a model: the option is wrong where another one would do, the model where none would.
  init(converting error: ModelError) {
    switch error {
    case .cancelled: self = .cancelled
    case .unsuitableRetrofit: self = .unsuitableOption(reason: error.description)
    default: self = .unreadableModel(reason: error.description, isMissing: false)
    }
  }
}
