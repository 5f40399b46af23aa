import CKelvinKernels
import Testing

/// One head of a cache in pages of its own.
final class Head {
  let pages: [Memory<UInt8>]
  private let table: Memory<UnsafeMutablePointer<UInt8>?>
  var pointee: kelvin_head

  init(
    entries: Int, keyWidth: Int, valueWidth: Int, keys: kelvin_entry_format, values: kelvin_entry_format
  ) {
    let offset = (kelvin_entry_bytes(keys, 64 * keyWidth) + 63) / 64 * 64
    let bytes = offset + kelvin_entry_bytes(values, 64 * valueWidth)
    // All bits set is NaN in every format: what no entry was written to must not be seen.
    pages = (0..<entries / 64 + 1).map { _ in Memory(bytes, filledWith: 0xFF) }
    table = Memory(pages.map { $0.start }, padding: nil)
    pointee = kelvin_head(
      pages: UnsafePointer(table.start), key_width: Int32(keyWidth), value_width: Int32(valueWidth),
      key_format: keys, value_format: values, values_offset: offset, following: (nil, nil, nil, nil))
  }

  var bytes: [[UInt8]] { pages.map(\.array) }
}

@Suite("Attention over pages")
struct AttendTests {
  static let formats = [
    KELVIN_ENTRY_F32, KELVIN_ENTRY_F16, KELVIN_ENTRY_BF16, KELVIN_ENTRY_Q8_0, KELVIN_ENTRY_Q4_0,
  ]
  /// Widths of keys and values, entries, rows of queries.
  static let shapes: [(keyWidth: Int, valueWidth: Int, entries: Int, rows: Int)] = [
    (1, 1, 0, 1), (8, 8, 1, 1), (15, 17, 63, 2), (16, 16, 64, 3), (17, 15, 65, 4), (48, 48, 127, 5), (64, 64, 129, 7),
    (65, 63, 16, 6), (80, 96, 200, 13), (128, 128, 192, 3), (192, 130, 191, 24), (32, 32, 15, 1), (96, 32, 65, 2),
    (64, 192, 150, 12), (32, 160, 2100, 9), (2080, 64, 70, 17),
  ]

  /// Whether a format can write numbers of this width.
  static func fits(_ format: kelvin_entry_format, _ width: Int) -> Bool {
    ![KELVIN_ENTRY_Q8_0, KELVIN_ENTRY_Q4_0].contains(format) || width.isMultiple(of: 32)
  }

  /// Numbers at the edges of halves and bfloats: ties, the smallest and largest, subnormal, infinite, not a number.
  static let specials: [Float] = [
    0, -0.0, 1 + 0x1p-11, 1 + 0x3p-11, 1 + 0x1p-8, 1 + 0x3p-8, 65504, 65519.996, 65520, -1e30, 3.4e38, 0x1p-14,
    0x1p-15, 0x1.8p-24, 0x1p-25, 0x1.002p-25, 0x1p-140, .infinity, -.infinity, .nan,
  ]

  /// A head filled by `kernels`, and the keys and values it was filled with.
  private func filled(
    _ kernels: kelvin_kernels, _ shape: (keyWidth: Int, valueWidth: Int, entries: Int, rows: Int),
    _ keys: kelvin_entry_format, _ values: kelvin_entry_format, specials: Bool = true
  ) throws -> Head {
    var random = Random(seed: 6)
    let head = Head(
      entries: shape.entries, keyWidth: shape.keyWidth, valueWidth: shape.valueWidth, keys: keys, values: values)
    let k = Memory<Float>(random: shape.entries * (shape.keyWidth + 1), from: &random)
    let v = Memory<Float>(random: shape.entries * (shape.valueWidth + 1), scale: 1e-3, from: &random)
    for (i, special) in Self.specials.enumerated() where specials && shape.keyWidth > Self.specials.count {
      k.start[i] = special
      v.start[i] = special
    }
    let first = shape.entries / 3
    for (from, count) in [(0, first), (first, shape.entries - first)] {
      try required(kernels.write_entries)(
        &head.pointee, Int32(from), Int32(count), k.start + from * (shape.keyWidth + 1), shape.keyWidth + 1,
        v.start + from * (shape.valueWidth + 1), shape.valueWidth + 1)
    }
    return head
  }

  /// Whether a variant rounds what it reads to bfloat16 for so many rows.
  private static func pairs(_ variant: String, _ format: kelvin_entry_format, rows: Int) -> Bool {
    roundsAttention(variant) && rows > 12 && format != KELVIN_ENTRY_F32
  }

  private static func roundsAttention(_ variant: String) -> Bool { ["avx512bf16", "avx512amx"].contains(variant) }

  @Test("writes entries bit for bit like the scalar variant", arguments: variants)
  func write(variant: String) throws {
    for shape in Self.shapes {
      for keys in Self.formats where Self.fits(keys, shape.keyWidth) {
        for values in Self.formats where Self.fits(values, shape.valueWidth) {
          let expected = try filled(kernels("scalar"), shape, keys, values).bytes
          let found = try filled(kernels(variant), shape, keys, values).bytes
          #expect(found == expected, "\(shape)")
        }
      }
    }
  }

  @Test("entries survive being written and read to the precision of their format")
  func precision() throws {
    for (format, limit) in [(KELVIN_ENTRY_F32, Float(0)), (KELVIN_ENTRY_F16, 0x1p-11), (KELVIN_ENTRY_BF16, 0x1p-8)] {
      let head = Head(entries: 2, keyWidth: 3, valueWidth: 2, keys: format, values: format)
      let (keys, values): ([Float], [Float]) = ([0.1, -0.7, 3], [1.1, -5.3])
      try required(kernels("scalar").write_entries)(&head.pointee, 1, 1, keys, 3, values, 2)
      let (key, value) = (Memory<Float>(3, filledWith: 0), Memory<Float>(2, filledWith: 0))
      kelvin_read_entry(&head.pointee, 1, key.start, value.start)
      for (a, b) in zip(keys + values, key.array + value.array) { #expect(abs(a - b) <= abs(a) * limit) }
    }
  }

  @Test("scores like the scalar variant, however the rows and pages were split", arguments: variants)
  func scores(variant: String) throws {
    var random = Random(seed: 7)
    let (scalar, vector) = (try kernels("scalar"), try kernels(variant))
    for shape in Self.shapes {
      for format in Self.formats where Self.fits(format, shape.keyWidth) {
        let head = try filled(scalar, shape, format, KELVIN_ENTRY_F32, specials: false)
        let first = shape.entries > 64 ? 64 : 0, last = shape.entries, stride = (last - first + 63) / 64 * 64 + 1
        let queries = Memory<Float>(random: shape.rows * shape.keyWidth, from: &random)
        let expected = Memory<Float>(shape.rows * stride, filledWith: 0)
        let found = Memory<Float>(expected.count, filledWith: 0)
        let split = Memory<Float>(expected.count, filledWith: 0)
        for (kernel, out) in [(scalar.scores, expected), (vector.scores, found)] {
          try required(kernel)(
            &head.pointee, Int32(first), Int32(last), queries.start, shape.keyWidth, Int32(shape.rows), 0.3, out.start,
            stride)
        }
        let pairs = Self.pairs(variant, format, rows: shape.rows)
        let rows = pairs ? shape.rows : 1
        for row in Swift.stride(from: 0, to: shape.rows, by: rows) {
          for page in Swift.stride(from: first, to: last, by: 64) {
            try required(vector.scores)(
              &head.pointee, Int32(page), Int32(min(page + 64, last)), queries.start + row * shape.keyWidth,
              shape.keyWidth, Int32(rows), 0.3, split.start + row * stride + page - first, stride)
          }
        }
        for out in [expected, found, split] { clearBeyond(last - first, stride, out) }
        // Sums of up to 192 products below 1 in another order or rounded once instead of twice; or two roundings by 2^-9.
        #expect(distance(expected, found) <= (pairs ? 0.3 * 0x1p-8 * Float(shape.keyWidth) : 1e-5), "\(shape)")
        #expect(found.bits == split.bits, "\(shape)")
      }
    }
  }

  /// Zeros where scores may be written although no entry lies there.
  private func clearBeyond(_ count: Int, _ stride: Int, _ out: Memory<Float>) {
    for i in 0..<out.count where i % stride >= count { out.start[i] = 0 }
  }

  @Test("mixes like the scalar variant, however the rows and pages were split", arguments: variants)
  func mix(variant: String) throws {
    var random = Random(seed: 8)
    let (scalar, vector) = (try kernels("scalar"), try kernels(variant))
    for shape in Self.shapes {
      for format in Self.formats where Self.fits(format, shape.valueWidth) {
        let head = try filled(scalar, shape, KELVIN_ENTRY_F16, format, specials: false)
        let first = shape.entries > 64 ? 64 : 0, last = shape.entries, stride = last - first + 1
        let weights = Memory<Float>(random: shape.rows * stride, from: &random)
        let width = shape.valueWidth + 1
        let expected = Memory<Float>(shape.rows * width, filledWith: 0.25)
        let found = Memory<Float>(shape.rows * width, filledWith: 0.25)
        let split = Memory<Float>(shape.rows * width, filledWith: 0.25)
        for (kernel, out) in [(scalar.mix, expected), (vector.mix, found)] {
          try required(kernel)(
            &head.pointee, Int32(first), Int32(last), weights.start, stride, Int32(shape.rows), out.start, width)
        }
        let pairs = Self.pairs(variant, format, rows: shape.rows)
        let rows = pairs ? shape.rows : 1
        for row in Swift.stride(from: 0, to: shape.rows, by: rows) {
          for page in Swift.stride(from: first, to: last, by: 64) {
            try required(vector.mix)(
              &head.pointee, Int32(page), Int32(min(page + 64, last)), weights.start + row * stride + page - first,
              stride, Int32(rows), split.start + row * width, width)
          }
        }
        // Sums of up to 192 products below 0.001, starting at 0.25; or of products that two roundings moved by 2^-8.
        #expect(distance(expected, found) <= (pairs ? 1e-5 + 0x1p-8 * 1e-3 * Float(last - first) : 1e-5), "\(shape)")
        #expect(found.bits == split.bits, "\(shape)")
      }
    }
  }

  @Test("products of bfloat16 round what they read, and nothing else", arguments: variants.filter(roundsAttention))
  func pairs(variant: String) throws {
    var random = Random(seed: 9)
    let (scalar, vector) = (try kernels("scalar"), try kernels(variant))
    for shape in Self.shapes {
      let rows = shape.rows + 12
      let head = try filled(scalar, shape, KELVIN_ENTRY_BF16, KELVIN_ENTRY_BF16, specials: false)
      let stride = (shape.entries + 63) / 64 * 64
      let (queries, weights) = (
        Memory<Float>(random: rows * shape.keyWidth, from: &random), Memory<Float>(random: rows * stride, from: &random)
      )
      for numbers in [queries, weights] {
        for i in 0..<numbers.count { numbers.start[i] = Float(bitPattern: numbers.start[i].bitPattern & 0xFFFF_0000) }
      }
      let scores = [scalar, vector].map { _ in Memory<Float>(rows * stride, filledWith: 0) }
      let mixed = [scalar, vector].map { _ in Memory<Float>(rows * shape.valueWidth, filledWith: 0) }
      for (index, kernels) in [scalar, vector].enumerated() {
        try required(kernels.scores)(
          &head.pointee, 0, Int32(shape.entries), queries.start, shape.keyWidth, Int32(rows), 0.3, scores[index].start,
          stride)
        clearBeyond(shape.entries, stride, scores[index])
        try required(kernels.mix)(
          &head.pointee, 0, Int32(shape.entries), weights.start, stride, Int32(rows), mixed[index].start,
          shape.valueWidth)
      }
      // Sums of up to 2100 products below 1, and below 0.001, in another order.
      #expect(distance(scores[0], scores[1]) <= 1e-4, "\(shape)")
      #expect(distance(mixed[0], mixed[1]) <= 1e-5, "\(shape)")
    }
  }

  @Test("moves and reads single entries")
  func entries() throws {
    for keys in Self.formats {
      for values in Self.formats {
        let head = try filled(kernels("scalar"), (32, 64, 70, 1), keys, values, specials: false)
        func entry(_ j: Int32) -> [Float] {
          let (key, value) = (Memory<Float>(32, filledWith: 0), Memory<Float>(64, filledWith: 0))
          kelvin_read_entry(&head.pointee, j, key.start, value.start)
          return key.array + value.array
        }
        let before = (0..<70).map(entry)
        kelvin_move_entry(&head.pointee, 69, 5)
        kelvin_move_entry(&head.pointee, 7, 7)
        for j in 0..<70 { #expect(entry(Int32(j)) == before[j == 5 ? 69 : j]) }
      }
    }
  }
}
