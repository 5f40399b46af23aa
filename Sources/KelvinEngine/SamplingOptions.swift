/// How the next token is chosen from logits.
///
/// The defaults choose the most likely one.
public struct SamplingOptions: Sendable, Hashable {
  /// 0 chooses the most likely token.
  public var temperature: Float = 0
  /// Only the `topK` most likely tokens; 0: all.
  public var topK = 0
  /// Only the most likely tokens whose probabilities add up to `topP`; 1: all.
  public var topP: Float = 1
  /// Only tokens at least `minP` times as likely as the most likely one; 0: all.
  public var minP: Float = 0
  /// Logits of tokens among the last `penaltyWindow` are divided (positive) or multiplied (negative) by this; 1: off.
  public var repetitionPenalty: Float = 1
  /// Subtracted once from the logit of every token among the last `penaltyWindow`; 0: off.
  public var presencePenalty: Float = 0
  /// Subtracted from the logit for each time a token stands among the last `penaltyWindow`; 0: off.
  public var frequencyPenalty: Float = 0
  /// How many of the newest tokens the penalties look at; −1: all.
  public var penaltyWindow = 64
  /// Added to the logits of single tokens; minus infinity forbids one.
  public var logitBias: [Int32: Float] = [:]
  /// The seed of the random numbers; `nil` draws one.
  public var seed: UInt64?

  /// The most likely token every time.
  public init() {}

  /// Checks the ranges.
  /// - Throws: `EngineError.invalidOption`.
  public func validate() throws(EngineError) {
    try check(temperature >= 0 && temperature.isFinite, "temperature", "\(temperature)", "a number of at least 0")
    try check(topK >= 0, "top-k", "\(topK)", "a count, 0 for all")
    try check(topP > 0 && topP <= 1, "top-p", "\(topP)", "a number in (0, 1]")
    try check(minP >= 0 && minP <= 1, "min-p", "\(minP)", "a number in [0, 1]")
    try check(repetitionPenalty > 0 && repetitionPenalty.isFinite, "repeat-penalty", "\(repetitionPenalty)", "above 0")
    try check(presencePenalty.isFinite, "presence-penalty", "\(presencePenalty)", "a number")
    try check(frequencyPenalty.isFinite, "frequency-penalty", "\(frequencyPenalty)", "a number")
    try check(penaltyWindow >= -1, "repeat-last-n", "\(penaltyWindow)", "a count, -1 for all")
  }

  private func check(_ holds: Bool, _ option: String, _ found: String, _ expected: String) throws(EngineError) {
    if !holds { throw .invalidOption(option: option, found: found, expected: expected) }
  }
}
