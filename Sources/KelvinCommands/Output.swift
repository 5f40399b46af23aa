import Foundation
import KelvinCache
import KelvinEngine

/// How results are written.
enum Output {
  /// One JSON value and a line break on standard output.
  static func json(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    Terminal.write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
  }

  /// The statistics of a generation, in three lines.
  static func summary(_ result: GenerationResult) -> String {
    """
    prompt  \(result.promptTokens) tokens\(reused(result)), \(number(result.prefillSeconds)) s, \
    \(number(result.prefillTokensPerSecond)) tokens/s
    answer  \(result.tokens.count) tokens, \(number(result.decodeSeconds)) s, \
    \(number(result.decodeTokensPerSecond)) tokens/s, ended by \(result.stopReason.rawValue)
    cache   \(cache(result.kv))
    """
  }

  private static func reused(_ result: GenerationResult) -> String {
    result.reusedTokens == 0 ? "" : " (\(result.reusedTokens) of them had been read before)"
  }

  /// What a cache holds, in one line.
  static func cache(_ kv: CacheReport) -> String {
    let share = kv.bytesFull > 0 ? Double(kv.bytes) / Double(kv.bytesFull) * 100 : 0
    return "\(kv.policy): \(number(kv.kept)) of \(kv.seen) entries per head, \(bytes(kv.bytes)) of "
      + "\(bytes(kv.bytesFull)) (\(number(share)) %), \(kv.format)"
  }

  /// A number with one or two digits that matter after the point.
  static func number(_ value: Double) -> String {
    String(format: value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
  }

  /// Bytes in binary units.
  static func bytes(_ count: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(count)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(count) B" : String(format: "%.1f %@", value, units[unit])
  }
}
