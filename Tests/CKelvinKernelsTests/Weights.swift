import CKelvinKernels
import Testing

/// A stored format as the tests need it: its block and where the halves of a block lie that must be ordinary numbers.
struct Format: CustomTestStringConvertible, Sendable {
  let name: String
  let value: UInt32
  let length: Int
  let bytes: Int
  let halves: [Int]

  var testDescription: String { name }
  var format: kelvin_format { kelvin_format(rawValue: .init(value)) }

  static let all: [Format] = [
    Format(name: "F32", value: 0, length: 1, bytes: 4, halves: []),
    Format(name: "F16", value: 1, length: 1, bytes: 2, halves: [0]),
    Format(name: "BF16", value: 2, length: 1, bytes: 2, halves: []),
    Format(name: "Q8_0", value: 3, length: 32, bytes: 34, halves: [0]),
    Format(name: "Q4_0", value: 4, length: 32, bytes: 18, halves: [0]),
    Format(name: "Q4_1", value: 5, length: 32, bytes: 20, halves: [0, 2]),
    Format(name: "Q5_0", value: 6, length: 32, bytes: 22, halves: [0]),
    Format(name: "Q5_1", value: 7, length: 32, bytes: 24, halves: [0, 2]),
    Format(name: "Q2_K", value: 8, length: 256, bytes: 84, halves: [80, 82]),
    Format(name: "Q3_K", value: 9, length: 256, bytes: 110, halves: [108]),
    Format(name: "Q4_K", value: 10, length: 256, bytes: 144, halves: [0, 2]),
    Format(name: "Q5_K", value: 11, length: 256, bytes: 176, halves: [0, 2]),
    Format(name: "Q6_K", value: 12, length: 256, bytes: 210, halves: [208]),
    Format(name: "IQ4_NL", value: 13, length: 32, bytes: 18, halves: [0]),
  ]

  /// Random codes with scales between 1/128 and 1/64, of either sign; F32 and BF16 as numbers in -1 ..< 1.
  func randomBlocks(_ count: Int, from random: inout Random) -> Memory<UInt8> {
    let stored = Memory<UInt8>(count / length * bytes, filledWith: 0)
    for i in 0..<stored.count { stored.start[i] = UInt8(truncatingIfNeeded: random.next()) }
    for block in stride(from: 0, to: stored.count, by: bytes) {
      let bits = random.uniform().bitPattern.littleEndian
      for i in 0..<bytes where name == "F32" || name == "BF16" {
        stored.start[block + i] = UInt8(truncatingIfNeeded: bits >> (8 * (4 - bytes + i)))
      }
      for place in halves { stored.start[block + place + 1] = 0x20 | (stored.start[block + place + 1] & 0x83) }
    }
    return stored
  }
}

/// A random weight, stored and packed.
final class PackedWeight {
  let stored: Memory<UInt8>
  let panels: Int
  private let data: Memory<UInt8>
  private(set) var weight: kelvin_weight

  init(_ format: Format, rows: Int, columns: Int, exact: Bool = false, from random: inout Random) {
    stored = format.randomBlocks(rows * columns, from: &random)
    weight = kelvin_weight_for(format.format, Int32(rows), Int32(columns), exact)
    panels = (rows + 15) / 16
    data = Memory(panels * weight.panel_bytes, filledWith: 0xFF)
    for panel in 0..<panels {
      let out = data.start + panel * weight.panel_bytes
      kelvin_pack_panel(&weight, format.format, stored.start, Int32(panel), out)
    }
    weight.data = UnsafePointer(data.start)
  }

  /// All rows, unpacked.
  func unpacked() -> Memory<Float> {
    let out = Memory<Float>(Int(weight.rows * weight.columns), filledWith: 0)
    for row in 0..<weight.rows { kelvin_unpack_row(&weight, row, out.start + Int(row * weight.columns)) }
    return out
  }
}

/// T rows of activations and their quantised form, filled in by `quantise`.
final class Activations {
  let values: Memory<Float>
  let codes: Memory<Int8>
  let scales: Memory<Float>
  let sums: Memory<Int16>
  let halves: Memory<UInt16>
  let blocks: Int
  var pointee: kelvin_activations

  init(tokens: Int, columns: Int, from random: inout Random) {
    // A stride that is no multiple of anything: rows of activations need not be aligned.
    values = Memory(random: tokens * (columns + 3), scale: 3, from: &random)
    blocks = (columns + 31) / 32
    codes = Memory(tokens * blocks * 32, filledWith: 99)
    scales = Memory(tokens * blocks, filledWith: 99)
    sums = Memory(tokens * blocks * 2, filledWith: 99)
    // What is not written is not a number.
    halves = Memory((tokens + 31) * blocks * 32, filledWith: 0xFFFF)
    pointee = kelvin_activations(
      values: values.start, stride: columns + 3, codes: codes.start, scales: scales.start, sums: sums.start,
      halves: halves.start)
  }

  /// Makes every value a bfloat16.
  func truncate() {
    for i in 0..<values.count { values.start[i] = Float(bitPattern: values.start[i].bitPattern & 0xFFFF_0000) }
  }

  /// The same rows from row `t` on.
  func from(_ t: Int) -> kelvin_activations {
    kelvin_activations(
      values: values.start + t * pointee.stride, stride: pointee.stride,
      codes: codes.start + t * blocks * 32, scales: scales.start + t * blocks, sums: sums.start + t * blocks * 2,
      halves: halves.start + t * blocks * 32)
  }
}

extension kelvin_kernels {
  /// Products of rounded weights, rows `stride` numbers apart and sevens between them, by one call and by many: panel by panel, and
  /// 12 tokens or more at a time.
  func roundedProducts(
    _ packed: PackedWeight, _ x: Activations, tokens: Int, bias: Memory<Float>?, stride: Int, from random: inout Random
  ) throws -> (whole: Memory<Float>, split: Memory<Float>) {
    let multiply = try required(multiply_rounded)
    let whole = Memory<Float>(tokens * stride, filledWith: 7), split = Memory<Float>(tokens * stride, filledWith: 7)
    var weight = packed.weight
    multiply(&weight, &x.pointee, Int32(tokens), 0, Int32(packed.panels), bias?.start, whole.start, stride)
    for panel in 0..<Int32(packed.panels) {
      var t = 0
      while t < tokens {
        let count = tokens - t < 24 ? tokens - t : Int.random(in: 12...tokens - t - 12, using: &random)
        var part = x.from(t)
        multiply(&weight, &part, Int32(count), panel, panel + 1, bias?.start, split.start + t * stride, stride)
        t += count
      }
    }
    return (whole, split)
  }
}
