import CKelvinKernels
import Testing

@Suite("Products of many activations and rounded weights")
struct RoundedProductTests {
  static let formats = Format.all.filter { ["Q4_0", "Q4_1", "Q4_K"].contains($0.name) }
  /// Variants that round weights to bytes.
  static let rounding = variants.filter {
    guard let kernels = kelvin_kernels_named($0)?.pointee else { return false }
    return kernels.multiply_rounded != nil && kernels.halve == nil
  }

  /// Rows and columns of a weight, and tokens; the last takes more columns than a tile has room for.
  static let shapes: [(rows: Int, columns: Int, tokens: Int)] = [
    (1, 32, 12), (16, 256, 13), (18, 512, 24), (33, 768, 35), (600, 256, 12), (17, 2304, 31),
  ]

  @Test(
    "round every weight to a multiple of 1/127 of the row's greatest, at most 0.56 away", arguments: rounding, formats)
  func rounds(variant: String, format: Format) throws {
    var random = Random(seed: 6)
    for (rows, columns, _) in Self.shapes where columns.isMultiple(of: format.length) {
      let packed = PackedWeight(format, rows: rows, columns: columns, from: &random)
      let (exact, found) = (packed.unpacked(), try picked(packed, variant))
      for row in 0..<rows {
        let unit = packed.greatest(row) / 127
        // Half a step, and what 15 steps and a first that are rounded to 256ths add.
        let isNear = (0..<columns).allSatisfy {
          abs(found.start[$0 * rows + row] - exact.start[row * columns + $0]) <= 0.56 * unit
        }
        let isMultiple = (0..<columns).allSatisfy {
          let steps = found.start[$0 * rows + row] / unit
          return abs(steps - steps.rounded()) < 1e-3 && abs(steps) < 127.5
        }
        #expect(isNear && isMultiple, "row \(row) of \(rows) x \(columns)")
      }
    }
  }

  @Test(
    "sum such weights, and do not depend on how panels and tokens were split", arguments: rounding, formats)
  func sums(variant: String, format: Format) throws {
    var random = Random(seed: 7)
    for (rows, columns, tokens) in Self.shapes where columns.isMultiple(of: format.length) {
      let packed = PackedWeight(format, rows: rows, columns: columns, from: &random)
      let weights = try picked(packed, variant)
      let x = Activations(tokens: tokens, columns: columns, from: &random)
      let (vector, stride) = (try kernels(variant), rows + 2)
      try required(vector.quantise)(&x.pointee, Int32(columns), 0, Int32(tokens))
      let bias = tokens.isMultiple(of: 2) ? nil : Memory(random: rows, from: &random)
      let (found, split) = try vector.roundedProducts(
        packed, x, tokens: tokens, bias: bias, stride: stride, from: &random)
      #expect(found.bits == split.bits, "\(rows) x \(columns), \(tokens) tokens")
      for t in 0..<tokens {
        #expect(found.array[(t * stride + rows)..<(t + 1) * stride] == [7, 7])
        for row in 0..<rows {
          var sum = Double(bias?.start[row] ?? 0), size = 0.0
          for column in 0..<columns {
            let activation = Float(x.codes.start[t * columns + column]) * x.scales.start[(t * columns + column) / 32]
            let product = Double(weights.start[column * rows + row]) * Double(activation)
            (sum, size) = (sum + product, size + abs(product))
          }
          // Float sums of blocks, and weights that were read with an error of their own: some units in the last place.
          #expect(abs(Double(found.start[t * stride + row]) - sum) <= 1e-6 * size + 1e-6)
        }
      }
    }
  }

  /// The weights as the product sees them, column after column: what rows of zeros with a single 1 pick.
  private func picked(_ packed: PackedWeight, _ variant: String) throws -> Memory<Float> {
    var weight = packed.weight
    let (columns, rows) = (Int(weight.columns), Int(weight.rows))
    var random = Random(seed: 8)
    let x = Activations(tokens: columns, columns: columns, from: &random)
    for t in 0..<columns {
      for column in 0..<columns { x.values.start[t * x.pointee.stride + column] = t == column ? 1 : 0 }
    }
    let vector = try kernels(variant), found = Memory<Float>(columns * rows, filledWith: 7)
    try required(vector.quantise)(&x.pointee, Int32(columns), 0, Int32(columns))
    try required(vector.multiply_rounded)(
      &weight, &x.pointee, Int32(columns), 0, Int32(packed.panels), nil, found.start, rows)
    return found
  }
}

extension PackedWeight {
  /// The greatest magnitude that codes can mean in a row of nibbles.
  fileprivate func greatest(_ row: Int) -> Float {
    let (panel, blockBytes) = (weight.data + row / 16 * weight.panel_bytes, weight.has_minimum ? 320 : 288)
    var greatest: Float = 0
    for block in 0..<Int(weight.columns) / 32 {
      let scales = panel + block * blockBytes + 256
      let scale = number(scales, row % 16)
      let first = weight.has_minimum ? number(scales, 16 + row % 16) : -scale * Float(weight.zero)
      greatest = max(greatest, abs(first), abs(first + 15 * scale))
    }
    return greatest
  }

  /// Number `index` of a row of halves.
  private func number(_ halves: UnsafePointer<UInt8>, _ index: Int) -> Float {
    var number: Float = 0
    kelvin_dequantise(KELVIN_F16, halves + 2 * index, 1, &number)
    return number
  }
}
