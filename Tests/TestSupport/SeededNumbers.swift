/// SplitMix64: the same numbers in every run.
public struct SeededNumbers: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// The sequence that belongs to `seed`.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// `count` floats in [-1, 1).
  public mutating func floats(_ count: Int) -> [Float] {
    (0..<count).map { _ in Float(next() >> 40) / Float(1 << 23) - 1 }
  }

  /// `count` tokens of a vocabulary.
  public mutating func tokens(_ count: Int, vocabulary: Int) -> [Int32] {
    (0..<count).map { _ in Int32(truncatingIfNeeded: next() % UInt64(vocabulary)) }
  }
}
