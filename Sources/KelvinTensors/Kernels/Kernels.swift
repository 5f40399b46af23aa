import CKelvinKernels

/// The arithmetic of one instruction set: a row of the table of C function pointers.
///
/// Every variant computes the same functions within a stated error; `scalar` is the specification.
public struct Kernels: Sendable {
  /// The instruction sets that kernels are written for.
  public enum Variant: String, CaseIterable, Sendable {
    case scalar, avx2, avx512, avx512rounding, avx512bf16, avx512amx, neon

    /// The variant that is fastest because it rounds; `nil`: there is none here.
    ///
    /// To 8 bits a row the 4-bit weights that meet many tokens; where the processor multiplies bfloat16, also to that attention of
    /// prompts (`roundsAttention`) and activations that meet weights in it; where it multiplies tiles of bfloat16, attention
    /// and all weights but 32-bit floats that meet many tokens, to nothing else.
    public static var rounding: Variant? {
      guard let table = kelvin_rounding_kernels() else { return nil }
      return Variant(rawValue: String(cString: table.pointee.name))
    }

    /// Whether attention of prompts is made of products of bfloat16, unless entries are 32-bit floats.
    public var roundsAttention: Bool { self == .avx512bf16 || self == .avx512amx }

    /// Whether products of so many rows of activations with such weights are made of bfloat16.
    package func roundsToHalves(_ kind: StoredTensor.Kind, rows: Int) -> Bool {
      switch self {
      case .avx512bf16: kind == .bfloats
      case .avx512amx: kind != .floats && rows >= Processor.manyTokens
      default: false
      }
    }
  }

  /// A static, immutable table in the C target: safe to share.
  nonisolated(unsafe) let table: UnsafePointer<kelvin_kernels>

  /// The kernels named, or the fastest of those that round nothing but what is stored in few bits.
  /// - Throws: `TensorError.kernelsUnavailable` where the processor or the build lacks them.
  public init(_ variant: Variant? = nil) throws(TensorError) {
    guard let table = kelvin_kernels_named(variant?.rawValue) else {
      throw .kernelsUnavailable(name: variant?.rawValue ?? "any", available: Self.available.map(\.rawValue))
    }
    self.table = table
  }

  /// What this processor can run, slowest first.
  public static var available: [Variant] {
    Variant.allCases.filter { kelvin_kernels_named($0.rawValue) != nil }
  }

  /// Rows of queries that attention of a prompt handles best at once.
  package var sharedRows: Int { Int(table.pointee.shared_rows) }

  /// The name of the variant, as `--kernels` takes it.
  public var name: String { String(cString: table.pointee.name) }
}
