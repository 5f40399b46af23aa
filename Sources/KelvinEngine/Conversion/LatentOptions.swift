import KelvinAttention
public import KelvinModels

/// A conversion to latent attention, and the texts that it goes by.
public struct LatentOptions: Sendable, Hashable {
  /// The sizes of the result, and where its latents come from.
  public var conversion: LatentConversion
  /// Tokens that queries, keys and values are measured on; empty: the weights decide everything.
  public var calibration: [Int32] = []
  /// Tokens that are predicted before and after, best others than those of `calibration`; empty: nothing is predicted.
  public var evaluation: [Int32] = []

  /// A conversion by weights alone.
  public init(_ conversion: LatentConversion) { self.conversion = conversion }

  /// How many channels of each KV head of the model at `path` stay turned where nobody says: half of them.
  public static func usualTurnedChannels(of path: String) throws(EngineError) -> Int {
    let width = try ModelInspection(path: path).description.layout.stores.first?.keyWidth ?? 0
    return max(2, width / 4 * 2)
  }

  /// Checks what can be checked without a model.
  func validate() throws(EngineError) {
    if calibration.isEmpty {
      guard conversion.basis == .weights else {
        throw .invalidOption(
          option: "mla-by", found: "activations without a text",
          expected: "--calibrate FILE to measure them on, or --mla-by weights")
      }
    } else if calibration.count < conversion.latentWidth {
      throw .invalidOption(
        option: "calibrate", found: "a text of \(calibration.count) tokens",
        expected: "at least \(conversion.latentWidth), one for each number of the latent")
    }
    guard evaluation.count != 1 else {
      throw .invalidOption(option: "eval", found: "a text of 1 token", expected: "at least 2, or none")
    }
  }
}

/// What a conversion to latent attention makes of a model's cache, and of its predictions.
public struct LatentReport: Sendable, Hashable, Codable {
  /// Numbers of the latent of a layer.
  public var latentWidth: Int
  /// Turned channels of all KV heads of a layer.
  public var rotaryWidth: Int
  /// Numbers that a layer remembered of a token.
  public var numbersBefore: Int
  /// Numbers that it remembers now.
  public var numbersAfter: Int
  /// Bytes of all layers for a token, in f16.
  public var bytesPerTokenBefore: Int
  /// The same now.
  public var bytesPerTokenAfter: Int
  /// Tokens that were measured.
  public var calibrationTokens: Int
  /// Tokens that were predicted; 0: none.
  public var evaluationTokens: Int
  /// `e` to the mean negative log-likelihood of them under the model as it was read; `nil` where none were predicted.
  public var perplexityBefore: Double?
  /// The same under the model as it is written.
  public var perplexityAfter: Double?

  enum CodingKeys: String, CodingKey {
    case latentWidth = "latent_width"
    case rotaryWidth = "rotary_width"
    case numbersBefore = "numbers_before"
    case numbersAfter = "numbers_after"
    case bytesPerTokenBefore = "bytes_per_token_before"
    case bytesPerTokenAfter = "bytes_per_token_after"
    case calibrationTokens = "calibration_tokens"
    case evaluationTokens = "evaluation_tokens"
    case perplexityBefore = "perplexity_before"
    case perplexityAfter = "perplexity_after"
  }
}
