import CKelvinKernels
import Testing

@Suite("Products of many activations and weights in tiles of bfloat16")
struct TiledProductTests {
  static let tiled = variants.filter { kelvin_kernels_named($0)?.pointee.halve != nil }

  /// Rows and columns of a weight, and tokens; the last take more columns, and more panels, than a stretch.
  static let shapes: [(rows: Int, columns: Int, tokens: Int)] = [
    (1, 32, 12), (16, 256, 16), (18, 512, 33), (32, 256, 64), (48, 768, 47), (600, 256, 12), (17, 2304, 31),
    (1000, 512, 32), (1, 33, 13), (31, 100, 65),
  ]

  @Test(
    "sum products of both, rounded to nearest, and do not depend on how panels and tokens were split",
    arguments: tiled, Format.all)
  func sums(variant: String, format: Format) throws {
    var random = Random(seed: 9)
    let vector = try kernels(variant)
    for (rows, columns, tokens) in Self.shapes where columns.isMultiple(of: format.length) {
      let packed = PackedWeight(format, rows: rows, columns: columns, from: &random)
      guard vector.rounded_packings >> packed.weight.packing.rawValue & 1 == 1 else {
        #expect(format.name == "F32")
        continue
      }
      let x = Activations(tokens: tokens, columns: columns, from: &random)
      try required(vector.halve)(&x.pointee, Int32(columns), 0, Int32(tokens))
      let bias = tokens.isMultiple(of: 2) ? nil : Memory(random: rows, from: &random)
      let stride = rows + 2
      let (found, split) = try vector.roundedProducts(
        packed, x, tokens: tokens, bias: bias, stride: stride, from: &random)
      #expect(found.bits == split.bits, "\(rows) x \(columns), \(tokens) tokens")
      let weights = packed.unpacked().array.map(\.bfloat)
      let activations = x.values.array.map(\.bfloat)
      for t in 0..<tokens {
        #expect(found.array[(t * stride + rows)..<(t + 1) * stride] == [7, 7])
        for row in 0..<rows {
          var sum = Double(bias?.start[row] ?? 0), size = 0.0
          for column in 0..<columns {
            let product = weights[row * columns + column] * activations[t * x.pointee.stride + column]
            (sum, size) = (sum + product, size + abs(product))
          }
          #expect(abs(Double(found.start[t * stride + row]) - sum) <= 1e-6 * size + 1e-6, "\(rows) x \(columns)")
        }
      }
    }
  }
}

extension Float {
  /// Rounded to bfloat16, to nearest, ties to even.
  fileprivate var bfloat: Double {
    let bits = bitPattern &+ 0x7FFF &+ (bitPattern >> 16 & 1)
    return Double(Float(bitPattern: bits & 0xFFFF_0000))
  }
}
