/// How the numbers of a stored tensor are written: the GGUF formats Kelvin reads, by their GGUF names.
///
/// A format groups `blockLength` consecutive numbers of a row into a block of `blockBytes` bytes; the block
/// formats carry their own scales. Rows hold whole blocks.
public enum WeightFormat: String, CaseIterable, Sendable, Hashable {
  case f32, f16, bf16
  case q8_0, q4_0, q4_1, q5_0, q5_1
  case q2_K, q3_K, q4_K, q5_K, q6_K
  case iq4_nl

  /// Numbers per block.
  public var blockLength: Int { shape.length }

  /// Bytes per block.
  public var blockBytes: Int { shape.bytes }

  /// Bytes of `count` numbers, or `nil` where `count` is not a whole number of blocks or the product overflows.
  public func bytes(count: Int) -> Int? {
    guard count >= 0, count.isMultiple(of: blockLength) else { return nil }
    let (bytes, overflow) = (count / blockLength).multipliedReportingOverflow(by: blockBytes)
    return overflow ? nil : bytes
  }

  private var shape: (length: Int, bytes: Int) {
    switch self {
    case .f32: (1, 4)
    case .f16, .bf16: (1, 2)
    case .q8_0: (32, 34)
    case .q4_0: (32, 18)
    case .q4_1: (32, 20)
    case .q5_0: (32, 22)
    case .q5_1: (32, 24)
    case .q2_K: (256, 84)
    case .q3_K: (256, 110)
    case .q4_K: (256, 144)
    case .q5_K: (256, 176)
    case .q6_K: (256, 210)
    case .iq4_nl: (32, 18)
    }
  }
}
