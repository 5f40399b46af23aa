import CKelvinKernels

/// The arithmetic of one instruction set: a row of the table of C function pointers.
///
/// Every variant computes the same functions within a stated error; `scalar` is the specification.
public struct Kernels: Sendable {
  /// The instruction sets that kernels are written for.
  public enum Variant: String, CaseIterable, Sendable {
    case scalar, avx2, avx512, avx512rounding, avx512bf16, neon

    /// The variant that is fastest because it rounds; `nil`: there is none here.
    ///
    /// To 8 bits a row the 4-bit weights that meet many tokens; where the processor multiplies bfloat16, also to that attention of
    /// prompts and activations that meet weights in it (`roundsToHalves`).
    public static var rounding: Variant? {
      [.avx512bf16, .avx512rounding].first { Kernels.available.contains($0) }
    }

    /// Whether products of floats are made of pairs of bfloat16.
    public var roundsToHalves: Bool { self == .avx512bf16 }
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

  /// The name of the variant, as `--kernels` takes it.
  public var name: String { String(cString: table.pointee.name) }
}
