public import KelvinCache
import Synchronization

/// What to generate.
public struct GenerationRequest: Sendable {
  /// The prompt's tokens.
  public var prompt: [Int32]
  /// Tokens to generate at most; `nil`: until the context is full.
  public var maximumTokens: Int?
  /// How tokens are chosen.
  public var sampling = SamplingOptions()
  /// Texts that end the generation; they are not part of the answer.
  public var stopStrings: [String] = []
  /// Whether to go on after the model has ended its answer.
  public var ignoresEnd = false
  /// A file that the session is saved to when the prompt has been read; `nil`: none.
  public var promptFile: String?
  /// Ends the generation at the next step when cancelled.
  public var cancellation = Cancellation()

  /// A request to continue `prompt`.
  public init(prompt: [Int32]) {
    self.prompt = prompt
  }
}

/// A switch that many may hold and that turns once.
public final class Cancellation: Sendable {
  private let flag = Atomic<Bool>(false)

  /// A switch that has not turned.
  public init() {}

  /// Whether `cancel` was called.
  public var isCancelled: Bool { flag.load(ordering: .relaxed) }

  /// Asks whoever works for this to stop.
  ///
  /// Safe to call from a signal handler.
  public func cancel() { flag.store(true, ordering: .relaxed) }
}

/// What happens while a request is carried out.
public enum GenerationEvent: Sendable {
  /// The share of the prompt that has been read, in 0...1.
  case reading(Double)
  /// A token was chosen; `text` is what can be shown of it, possibly nothing yet.
  case token(Int32, text: String)
  /// The generation is over; always the last event.
  case finished(GenerationResult)
}

/// What was generated, at what speed, and what the cache kept.
public struct GenerationResult: Sendable, Hashable, Encodable {
  /// Why a generation ended.
  public enum StopReason: String, Sendable, Hashable, Encodable {
    /// The model ended its answer.
    case end
    /// One of the stop strings was generated.
    case stop
    /// As many tokens as asked for, or as fit the context.
    case length
    /// The request was cancelled.
    case cancelled
  }

  /// The answer, without the stop string that ended it.
  public var text: String
  /// The generated tokens, without the one that ended the answer.
  public var tokens: [Int32]
  /// Tokens of the prompt.
  public var promptTokens: Int
  /// Of these, the tokens that the session had read before.
  public var reusedTokens: Int
  /// The time that the prompt took.
  public var prefillSeconds: Double
  /// The time from the first token to the last.
  public var decodeSeconds: Double
  /// Why the generation ended.
  public var stopReason: StopReason
  /// What the cache kept.
  public var kv: CacheReport

  /// Prompt tokens read per second, without those that had been read before.
  public var prefillTokensPerSecond: Double {
    prefillSeconds > 0 ? Double(promptTokens - reusedTokens) / prefillSeconds : 0
  }
  /// Steps per second after the first token, which the prompt's logits gave.
  public var decodeTokensPerSecond: Double {
    decodeSeconds > 0 ? Double(max(0, decodeSteps)) / decodeSeconds : 0
  }
  /// Tokens fed back to the model.
  public var decodeSteps: Int

  enum CodingKeys: String, CodingKey {
    case text, tokens, kv
    case promptTokens = "prompt_tokens"
    case reusedTokens = "reused_tokens"
    case generatedTokens = "generated_tokens"
    case prefillSeconds = "prefill_seconds"
    case decodeSeconds = "decode_seconds"
    case prefillTokensPerSecond = "prefill_tokens_per_second"
    case decodeTokensPerSecond = "decode_tokens_per_second"
    case stopReason = "stop_reason"
  }

  /// Writes the names and speeds that the command line prints.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(text, forKey: .text)
    try container.encode(tokens, forKey: .tokens)
    try container.encode(promptTokens, forKey: .promptTokens)
    try container.encode(reusedTokens, forKey: .reusedTokens)
    try container.encode(tokens.count, forKey: .generatedTokens)
    try container.encode(prefillSeconds, forKey: .prefillSeconds)
    try container.encode(decodeSeconds, forKey: .decodeSeconds)
    try container.encode(prefillTokensPerSecond, forKey: .prefillTokensPerSecond)
    try container.encode(decodeTokensPerSecond, forKey: .decodeTokensPerSecond)
    try container.encode(stopReason, forKey: .stopReason)
    try container.encode(kv, forKey: .kv)
  }
}
