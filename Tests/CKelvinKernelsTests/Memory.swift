import CKelvinKernels
import Testing

/// Numbers at a fixed address, aligned to 64 bytes, zero at first.
final class Memory<Element: BitwiseCopyable> {
  let start: UnsafeMutablePointer<Element>
  let count: Int

  init(_ count: Int, filledWith element: Element) {
    let bytes = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Element>.stride, alignment: 64)
    start = bytes.bindMemory(to: Element.self, capacity: max(count, 1))
    start.initialize(repeating: element, count: max(count, 1))
    self.count = count
  }

  convenience init(_ elements: [Element], padding element: Element) {
    self.init(elements.count, filledWith: element)
    for (i, element) in elements.enumerated() { start[i] = element }
  }

  deinit { UnsafeMutableRawPointer(start).deallocate() }

  var array: [Element] { Array(UnsafeBufferPointer(start: start, count: count)) }
}

extension Memory<Float> {
  /// Uniform numbers in -1 ..< 1, times `scale`.
  convenience init(random count: Int, scale: Float = 1, from random: inout Random) {
    self.init((0..<count).map { _ in random.uniform() * scale }, padding: 0)
  }

  /// The bits, so that NaN and the sign of zero count.
  var bits: [UInt32] { array.map(\.bitPattern) }

  var largest: Float { array.map(abs).max() ?? 0 }
}

/// A small generator with a fixed seed (SplitMix64).
struct Random: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func uniform() -> Float { Float.random(in: -1..<1, using: &self) }
}

/// The variants this machine can run beside the scalar one.
let variants: [String] = [
  "avx512", "avx512rounding", "avx512bf16", "avx512amx", "avx2", "neon",
].filter { (name: String) in kelvin_kernels_named(name) != nil }

func kernels(_ name: String) throws -> kelvin_kernels {
  try #require(kelvin_kernels_named(name)).pointee
}

/// The largest distance between two rows of numbers of the same length.
func distance(_ a: Memory<Float>, _ b: Memory<Float>) -> Float {
  zip(a.array, b.array).map { abs($0 - $1) }.max() ?? 0
}

/// An operation of the table; C's function pointers arrive as optionals.
func required<Operation>(_ operation: Operation?) throws -> Operation {
  try #require(operation)
}
