import CKelvinKernels
import Testing

@Suite("Entries in 8 and 4 bits")
struct QuantisedEntriesTests {
  static let formats = [KELVIN_ENTRY_Q8_0, KELVIN_ENTRY_Q4_0]

  /// A head of one page with `count` random entries, and what was written.
  private func filled(
    _ count: Int, width: Int, _ format: kelvin_entry_format, scale: Float = 1
  ) throws -> (head: Head, keys: Memory<Float>, values: Memory<Float>) {
    var random = Random(seed: 21)
    let head = Head(entries: count, keyWidth: width, valueWidth: width, keys: format, values: format)
    let keys = Memory<Float>(random: count * width, scale: scale, from: &random)
    let values = Memory<Float>(random: count * width, scale: scale, from: &random)
    try required(kernels("scalar").write_entries)(
      &head.pointee, 0, Int32(count), keys.start, width, values.start, width)
    return (head, keys, values)
  }

  private func read(_ head: Head, _ entry: Int, width: Int) -> (key: [Float], value: [Float]) {
    let (key, value) = (Memory<Float>(width, filledWith: 0), Memory<Float>(width, filledWith: 0))
    kelvin_read_entry(&head.pointee, Int32(entry), key.start, value.start)
    return (key.array, value.array)
  }

  @Test("take 8.5 and 4.5 bits a number, scales included")
  func bits() {
    #expect(kelvin_entry_bytes(KELVIN_ENTRY_Q8_0, 64 * 64) * 8 == 64 * 64 * 17 / 2)
    #expect(kelvin_entry_bytes(KELVIN_ENTRY_Q4_0, 64 * 96) * 8 == 64 * 96 * 9 / 2)
  }

  /// A scale is the farthest number of 32 over 127 or 8.
  ///
  /// A code is half a step off at most; the number opposite to the
  /// farthest one may need the code 8 of Q4_0, which ends at 7. Halves of small scales are 2⁻²⁵ off.
  @Test("come back within half a step of 8 bits, a step of 4 bits", arguments: formats, [Float(1), 1e-3, 3e4])
  func precision(_ format: kelvin_entry_format, scale: Float) throws {
    let (head, keys, values) = try filled(64, width: 96, format, scale: scale)
    for entry in 0..<64 {
      let found = read(head, entry, width: 96)
      for (written, found) in [(keys, found.key), (values, found.value)] {
        for block in stride(from: 0, to: 96, by: 32) {
          let numbers = (block..<block + 32).map { written.start[entry * 96 + $0] }
          let farthest = numbers.map(abs).max() ?? 0
          let limit = format == KELVIN_ENTRY_Q8_0 ? farthest / 127 * 0.502 + 0x1p-18 : farthest / 8 * 1.001 + 0x1p-21
          for (a, b) in zip(numbers, found[block..<block + 32]) { #expect(abs(a - b) <= limit, "\(a) \(b)") }
        }
      }
    }
  }

  @Test("whole codes come back exactly")
  func exact() throws {
    let codes8 = (0..<32).map { Float($0 * 8 - 127) / 64 }
    let codes4 = (0..<32).map { Float($0 % 16 - 8) / 4 }
    for (format, numbers) in [(KELVIN_ENTRY_Q8_0, codes8), (KELVIN_ENTRY_Q4_0, codes4)] {
      let head = Head(entries: 3, keyWidth: 32, valueWidth: 32, keys: format, values: format)
      try required(kernels("scalar").write_entries)(&head.pointee, 2, 1, numbers, 32, numbers.map { -$0 }, 32)
      let found = read(head, 2, width: 32)
      #expect(found.key == numbers)
      #expect(found.value == numbers.map { -$0 })
    }
  }

  /// The number of a query is off by half a step of max|q| / 127 at most.
  @Test("scores are those of the numbers that are read, for a query of 8 bits", arguments: ["scalar"] + variants)
  func scores(variant: String) throws {
    var random = Random(seed: 22)
    for format in Self.formats {
      let (head, _, _) = try filled(50, width: 64, format)
      let query = Memory<Float>(random: 64, from: &random)
      let scores = Memory<Float>(64, filledWith: 0)
      try required(kernels(variant).scores)(&head.pointee, 0, 50, query.start, 64, 1, 1, scores.start, 64)
      for entry in 0..<50 {
        let key = read(head, entry, width: 64).key
        let expected = zip(query.array, key).reduce(0) { $0 + $1.0 * $1.1 }
        let limit = key.map(abs).reduce(0, +) * query.largest / 254 + 1e-5
        #expect(abs(scores.start[entry] - expected) <= limit)
      }
    }
  }

  @Test("a block that no half can scale is zeros times that scale")
  func unscaled() throws {
    for format in Self.formats {
      let head = Head(entries: 1, keyWidth: 32, valueWidth: 32, keys: format, values: format)
      let tiny = [Float](repeating: 1e-12, count: 32)
      try required(kernels("scalar").write_entries)(&head.pointee, 0, 1, tiny, 32, tiny, 32)
      #expect(read(head, 0, width: 32).key.allSatisfy { $0 == 0 })
      let huge = [Float](repeating: 3e38, count: 32)
      try required(kernels("scalar").write_entries)(&head.pointee, 0, 1, huge, 32, huge, 32)
      #expect(read(head, 0, width: 32).value.allSatisfy { $0.isNaN })
    }
  }

  @Test("the Hadamard transform is the matrix of signs, and its own inverse", arguments: ["scalar"] + variants)
  func hadamard(variant: String) throws {
    var random = Random(seed: 23)
    for n in [0, 32, 64, 96, 128, 576] {
      let block = n.isMultiple(of: 64) ? 64 : 32
      let x = Memory<Float>(random: n, from: &random)
      let before = x.array
      try required(kernels(variant).hadamard)(x.start, Int32(n))
      for i in 0..<n {
        let first = i / block * block
        let sum = (0..<block).reduce(0.0) { sum, j in
          let sign = ((i - first) & j).nonzeroBitCount.isMultiple(of: 2) ? 1.0 : -1
          return sum + sign * Double(before[first + j])
        }
        #expect(abs(Double(x.start[i]) - sum / Double(block).squareRoot()) <= 1e-6)
      }
      let other = Memory(before, padding: 0)
      try required(kernels("scalar").hadamard)(other.start, Int32(n))
      #expect(x.bits == other.bits)
      try required(kernels(variant).hadamard)(x.start, Int32(n))
      #expect(zip(before, x.array).allSatisfy { abs($0 - $1) <= 1e-6 })
    }
  }
}
