import Foundation
import KelvinTensors

extension Rope {
  /// LongRoPE (arXiv 2402.13753): a divisor for each pair, one list for sequences within the original context and one
  /// for longer ones.
  ///
  /// Keys are cached, so one list must serve a whole sequence. It is the one for the longest sequence that is planned:
  /// the model's context, or `kelvin.sequence_length` where the reader of the file was told a shorter one.
  struct LongRope {
    var short, long: [Double]
    /// Whether the long list serves.
    var isLong: Bool
    /// The context length before the scaling.
    var originalContext: Double
    /// What turned channels are multiplied by.
    var magnitude: Double

    /// The list that serves.
    var divisors: [Double] { isLong ? long : short }

    /// The magnitude where a file states none: `√(1 + ln factor / ln original)`.
    static func usualMagnitude(factor: Double, originalContext: Double) -> Double {
      factor > 1 && originalContext > 1 ? (1 + log(factor) / log(originalContext)).squareRoot() : 1
    }
  }
}

extension DecoderFacts {
  func longRope(_ parameters: CheckpointFacts, width: Int) throws(ModelError) -> Rope.LongRope {
    let context = try contextLength
    let holder = plain.values["original_max_position_embeddings"] == nil ? parameters : plain
    let original = try holder.positive("original_max_position_embeddings", default: Double(context))
    let factor = try parameters.positive("factor", default: Double(context) / original)
    let usual = Rope.LongRope.usualMagnitude(factor: factor, originalContext: original)
    let long = try parameters.divisors("long_factor", count: width / 2)
    return Rope.LongRope(
      short: try parameters.divisors("short_factor", count: width / 2), long: long, isLong: try isLong(original),
      originalContext: original, magnitude: try parameters.positive("attention_factor", default: usual))
  }

  /// The same from a GGUF file, whose lists are tensors; `nil` where it has none.
  func ggufLongRope(width: Int) throws(ModelError) -> Rope.LongRope? {
    let prefix = architecture + ".rope.scaling."
    let context = Double(try contextLength)
    let original = try plain.positive(prefix + "original_context_length", default: context)
    guard let long = try divisors("rope_factors_long.weight", width: width),
      let short = try divisors("rope_factors_short.weight", width: width)
    else { return nil }
    let usual = Rope.LongRope.usualMagnitude(factor: context / original, originalContext: original)
    return Rope.LongRope(
      short: short, long: long, isLong: try isLong(original), originalContext: original,
      magnitude: try plain.positive(prefix + "attn_factor", default: usual))
  }

  private var contextLength: Int {
    get throws(ModelError) { try size(.context, limit: DecoderConfiguration.Limit.context) }
  }

  private func isLong(_ original: Double) throws(ModelError) -> Bool {
    let limit = DecoderConfiguration.Limit.context
    return Double(try plain.size("kelvin.sequence_length", limit: limit, default: contextLength)) > original
  }
}

extension CheckpointFacts {
  /// `count` finite numbers above 0.
  fileprivate func divisors(_ key: String, count: Int) throws(ModelError) -> [Double] {
    guard let value = values[key] else { throw .missing(model: model, key: prefix + key) }
    let numbers: [Double]? =
      switch value {
      case .numbers(let numbers): numbers
      case .integers(let integers): integers.map(Double.init)
      case .array(let values): values.compactMap(\.number)
      default: nil
      }
    guard let numbers, numbers.count == count, numbers.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw .invalid(model: model, key: prefix + key, found: value.brief, expected: "\(count) finite numbers above 0")
    }
    return numbers
  }
}
