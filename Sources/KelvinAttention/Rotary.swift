/// Rotary position embedding: how a key or query is turned at its position (RoFormer, arXiv 2104.09864).
///
/// Frequency `i` turns pair `i` by `position · frequencies[i]`. Scalings (linear, llama3, YaRN) change the frequencies
/// and the magnitude once, when the model is read; nothing else in the code knows about them.
public struct Rotary: Sendable, Hashable, Codable {
  /// Which two channels make pair `i` of a head of width `2n`.
  public enum Pairs: Sendable, Hashable, Codable {
    /// `(2i, 2i + 1)`: GGUF's llama, DeepSeek, YOCO.
    case adjacent
    /// `(i, i + n)`: Hugging Face.
    case halves
  }

  /// Which channels turn together.
  public var pairs: Pairs
  /// One angle per position step for each pair, in radians; channels beyond the last pair are not turned.
  public var frequencies: [Double]
  /// Whether the last channels of a head are turned, as in MLA, and not the first.
  public var isTrailing: Bool
  /// What turned channels are multiplied by: the attention factor of YaRN and LongRoPE.
  public var magnitude: Double

  /// A rotation of `pairs` by `frequencies`.
  public init(pairs: Pairs, frequencies: [Double], isTrailing: Bool = false, magnitude: Double = 1) {
    self.pairs = pairs
    self.frequencies = frequencies
    self.isTrailing = isTrailing
    self.magnitude = magnitude
  }

  /// The number of channels that are turned.
  public var width: Int { frequencies.count * 2 }
}
