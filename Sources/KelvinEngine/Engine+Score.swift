import Foundation
public import KelvinCache
import KelvinModels
import KelvinTensors

/// How well a model predicts a text under a cache policy.
public struct Score: Sendable, Hashable, Encodable {
  /// For each token after the prefill `−ln p(token)`, in nats.
  public var nll: [Double]
  /// What the cache kept at the end.
  public var kv: CacheReport
  /// The original positions of the entries that are live at the end, ascending: `[store][head]`.
  public var keptPositions: [[[Int32]]]

  /// The mean of `nll`.
  public var meanNLL: Double { nll.reduce(0, +) / Double(nll.count) }
  /// `e` to the mean of `nll`.
  public var perplexity: Double { exp(meanNLL) }

  enum CodingKeys: String, CodingKey {
    case nll, perplexity, kv
    case meanNLL = "mean_nll"
  }

  /// Writes the numbers that the command line prints, without the positions.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(nll, forKey: .nll)
    try container.encode(meanNLL, forKey: .meanNLL)
    try container.encode(perplexity, forKey: .perplexity)
    try container.encode(kv, forKey: .kv)
  }
}

extension Engine {
  /// Reads the first `prefill` tokens as a prompt, then feeds the rest one by one, and scores each before it is fed.
  ///
  /// `progress` is called with the share that is done; returning `false` ends with what is scored so far.
  public func score(
    _ tokens: [Int32], prefill: Int, options: CacheOptions = CacheOptions(),
    progress: @Sendable (Double) -> Bool = { _ in true }
  ) throws(EngineError) -> Score {
    guard prefill >= 1, prefill < tokens.count else {
      throw .invalidOption(
        option: "prefill", found: "\(prefill)",
        expected: "1 to \(max(1, tokens.count - 1)), for \(tokens.count) tokens")
    }
    let sequence = try ActiveSequence(loaded, options: options, processor: processor)
    try sequence.checkRoom(for: tokens.count - 1)
    if let outside = tokens.first(where: { $0 < 0 || Int($0) >= loaded.model.vocabulary }) {
      throw .tokenOutsideVocabulary(token: outside, vocabulary: loaded.model.vocabulary)
    }
    var nll: [Double] = []
    var row: [Float] = []
    var logits = try sequence.read(prompt: Array(tokens[..<prefill])) { _ in progress(0) }
    for index in prefill..<tokens.count {
      guard let current = logits, progress(Double(index) / Double(tokens.count)) else { break }
      current.copy(row: 0, into: &row)
      nll.append(Self.negativeLogLikelihood(row, of: tokens[index]))
      if index + 1 < tokens.count { logits = try sequence.read(tokens[index]) }
    }
    return Score(nll: nll, kv: sequence.report, keptPositions: sequence.owner.cache.keptPositions)
  }

  /// `−ln softmax(logits)[token]`, in double precision.
  static func negativeLogLikelihood(_ logits: [Float], of token: Int32) -> Double {
    let top = Double(logits.max() ?? 0)
    let sum = logits.reduce(0.0) { $0 + exp(Double($1) - top) }
    return top + log(sum) - Double(logits[Int(token)])
  }
}
