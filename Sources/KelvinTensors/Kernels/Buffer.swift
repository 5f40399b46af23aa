import CKelvinKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Memory of a tensor: 64-byte aligned floats and, once a product with a quantised weight asked for it, their int8 form.
///
/// Buffers go round: the processor's pool keeps each one and hands it out again when no tensor refers to it.
final class Buffer {
  let values: UnsafeMutablePointer<Float>
  let capacity: Int
  /// The int8 form of the rows, filled on first use; meaningful while `isQuantised`.
  private var quantised: UnsafeMutableRawPointer?
  private var quantisedCapacity = 0
  var isQuantised = false
  /// The rows in bfloat16, filled on first use; meaningful while `isHalved`.
  private var halves: UnsafeMutableRawPointer?
  private var halvesCapacity = 0
  var isHalved = false

  init(capacity: Int) {
    self.capacity = capacity
    values = Buffer.aligned(bytes: capacity * 4).bindMemory(to: Float.self, capacity: capacity)
  }

  deinit {
    free(values)
    free(quantised)
    free(halves)
  }

  static func aligned(bytes: Int) -> UnsafeMutableRawPointer {
    var pointer: UnsafeMutableRawPointer?
    let status = posix_memalign(&pointer, 64, max(64, bytes))
    guard status == 0, let pointer else {
      preconditionFailure("out of memory: \(bytes) bytes for a tensor")
    }
    return pointer
  }

  /// The int8 form of `rows` × `columns` values: codes, then scales, then sums, each 64-byte aligned.
  func activations(rows: Int, columns: Int) -> kelvin_activations {
    let padded = (columns + 31) / 32 * 32
    let codes = (rows * padded + 63) / 64 * 64
    let scales = (rows * padded / 32 * 4 + 63) / 64 * 64
    let sums = rows * padded / 16 * 2
    if quantisedCapacity < codes + scales + sums {
      free(quantised)
      quantised = Buffer.aligned(bytes: codes + scales + sums)
      quantisedCapacity = codes + scales + sums
      isQuantised = false
    }
    var result = kelvin_activations()
    result.values = UnsafePointer(values)
    result.stride = columns
    if let quantised {
      result.codes = quantised.assumingMemoryBound(to: Int8.self)
      result.scales = (quantised + codes).assumingMemoryBound(to: Float.self)
      result.sums = (quantised + codes + scales).assumingMemoryBound(to: Int16.self)
    }
    return result
  }

  /// Room for `rows` × `columns` values in bfloat16: rows padded to whole blocks, and a tile behind the last.
  func halves(rows: Int, columns: Int) -> UnsafeMutablePointer<UInt16>? {
    let bytes = (rows + 31) * ((columns + 31) / 32 * 32) * 2
    if halvesCapacity < bytes {
      free(halves)
      halves = Buffer.aligned(bytes: bytes)
      halvesCapacity = bytes
      isHalved = false
    }
    return halves?.assumingMemoryBound(to: UInt16.self)
  }
}
