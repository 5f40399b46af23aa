import CKelvinKernels
import Testing

@Suite("Products of activations and packed weights")
struct MultiplyTests {
  @Test("are sums of products, by hand")
  func byHand() throws {
    let stored = Memory<Float>([1, 2, 3, 4, 5, 6], padding: 0)
    var weight = kelvin_weight_for(KELVIN_F32, 2, 3, false)
    let panel = Memory<UInt8>(weight.panel_bytes, filledWith: 0)
    kelvin_pack_panel(&weight, KELVIN_F32, stored.start, 0, panel.start)
    weight.data = UnsafePointer(panel.start)
    let values = Memory<Float>([1, 10, 100, -1, 0, 1], padding: 0), bias = Memory<Float>([0.5, -0.5], padding: 0)
    for name in ["scalar"] + variants {
      var x = kelvin_activations(values: values.start, stride: 3, codes: nil, scales: nil, sums: nil, halves: nil)
      let y = Memory<Float>(4, filledWith: 7)
      try required(kernels(name).multiply)(&weight, &x, 2, 0, 1, bias.start, y.start, 2)
      #expect(y.array == [321.5, 653.5, 2.5, 1.5])
    }
  }

  @Test("quantise activations to the same codes, scales and sums in every variant", arguments: variants)
  func quantise(variant: String) throws {
    var random = Random(seed: 4)
    for columns in [0, 1, 15, 16, 17, 31, 32, 33, 64, 100, 576] {
      for tokens in [0, 1, 3] {
        let expected = Activations(tokens: tokens, columns: columns, from: &random)
        if tokens > 2 && columns > 40 { for k in 0..<32 { expected.values.start[k] = 0 } }
        let found = Activations(tokens: tokens, columns: columns, from: &random)
        found.values.start.update(from: expected.values.start, count: expected.values.count)
        var (x, y) = (expected.pointee, found.pointee)
        try required(kernels("scalar").quantise)(&x, Int32(columns), 0, Int32(tokens))
        try required(kernels(variant).quantise)(&y, Int32(columns), 0, Int32(tokens))
        #expect(found.codes.array == expected.codes.array)
        #expect(found.scales.bits == expected.scales.bits)
        #expect(found.sums.array == expected.sums.array)
      }
    }
  }

  /// Rows and columns of a weight, and tokens.
  static let shapes: [(rows: Int, columns: Int, tokens: Int)] = [
    (1, 32, 1), (15, 64, 0), (16, 33, 4), (17, 1, 3), (31, 31, 16), (33, 256, 17), (18, 512, 15), (40, 768, 5),
    (17, 1536, 22), (3, 20480, 1), (35, 1057, 17), (49, 2080, 12),
  ]

  /// Whether a variant rounds the activations that meet weights of a format to bfloat16.
  private static func rounds(_ variant: String, _ format: Format) -> Bool {
    variant == "avx512bf16" && format.name == "BF16"
  }

  @Test(
    "agree with the scalar variant, and do not depend on how panels and tokens were split",
    arguments: variants, Format.all)
  func multiply(variant: String, format: Format) throws {
    var random = Random(seed: 5)
    let (scalar, vector) = (try kernels("scalar"), try kernels(variant))
    for (rows, columns, tokens) in Self.shapes where columns.isMultiple(of: format.length) {
      let packed = PackedWeight(format, rows: rows, columns: columns, from: &random)
      let x = Activations(tokens: tokens, columns: columns, from: &random)
      // So both variants multiply the same numbers.
      if Self.rounds(variant, format) { x.truncate() }
      try required(scalar.quantise)(&x.pointee, Int32(columns), 0, Int32(tokens))
      let bias = tokens.isMultiple(of: 2) ? nil : Memory(random: rows, from: &random)
      let (expected, found, split) = (output(tokens, rows), output(tokens, rows), output(tokens, rows))
      var weight = packed.weight
      let (T, P, stride) = (Int32(tokens), Int32(packed.panels), rows + 2)
      try required(scalar.multiply)(&weight, &x.pointee, T, 0, P, bias?.start, expected.start, stride)
      try required(vector.multiply)(&weight, &x.pointee, T, 0, P, bias?.start, found.start, stride)
      for panel in 0..<P {
        var t = 0
        while t < tokens {
          let count = Int.random(in: 1...min(18, tokens - t), using: &random)
          var part = x.from(t)
          let y = split.start + t * stride
          try required(vector.multiply)(&weight, &part, Int32(count), panel, panel + 1, bias?.start, y, stride)
          t += count
        }
      }
      // Float sums of the same products in another order: a few units in the last place of the largest.
      #expect(distance(expected, found) <= 5e-6 * expected.largest, "\(rows) x \(columns), \(tokens) tokens")
      #expect(found.bits == split.bits, "\(rows) x \(columns), \(tokens) tokens")
    }
  }

  @Test(
    "round activations to bfloat16 where they meet such weights and pairs are multiplied, to nearest, ties to even",
    arguments: ["scalar"] + variants)
  func rounding(variant: String) throws {
    let one = Format.all.first { $0.name == "BF16" }
    let format = try #require(one)
    let specials = AttendTests.specials
    for columns in [1, 2, 17, 33] {
      // A row that is 1 in the last column and 0 elsewhere picks the activations of that column.
      let stored = Memory<UInt16>(columns, filledWith: 0)
      stored.start[columns - 1] = 0x3F80
      var weight = kelvin_weight_for(format.format, 1, Int32(columns), false)
      let panel = Memory<UInt8>(weight.panel_bytes, filledWith: 0xFF)
      kelvin_pack_panel(&weight, format.format, stored.start, 0, panel.start)
      weight.data = UnsafePointer(panel.start)
      let values = Memory<Float>(specials.count * columns, filledWith: 0)
      for (row, special) in specials.enumerated() { values.start[(row + 1) * columns - 1] = special }
      var x = kelvin_activations(values: values.start, stride: columns, codes: nil, scales: nil, sums: nil, halves: nil)
      let y = Memory<Float>(specials.count, filledWith: 7)
      try required(kernels(variant).multiply)(&weight, &x, Int32(specials.count), 0, 1, nil, y.start, 1)
      for (special, found) in zip(specials, y.array) {
        // Pairs count subnormal numbers as 0.
        let rounded = special.isSubnormal ? 0 : rounded(special)
        let expected = Self.rounds(variant, format) ? rounded : special
        #expect(found == expected || found.isNaN && expected.isNaN, "\(special) became \(found)")
      }
    }
  }

  /// The nearest number of 8 bits, the even one of two.
  private func rounded(_ x: Float) -> Float {
    guard x.isFinite else { return x }
    let unit = x.ulp * 0x1p16
    return (x / unit).rounded(.toNearestOrEven) * unit
  }

  /// Two numbers wider than the product, to see that nothing else is written.
  private func output(_ tokens: Int, _ rows: Int) -> Memory<Float> {
    Memory(tokens * (rows + 2), filledWith: 0.125)
  }

  @Test("some columns of a weight multiply as the whole does where everything else is zero", arguments: Format.all)
  func columns(format: Format) throws {
    var random = Random(seed: 18)
    let (rows, columns, tokens) = (35, 768, 3)
    let packed = PackedWeight(format, rows: rows, columns: columns, from: &random)
    var whole = packed.weight
    for name in ["scalar"] + variants {
      let kernel = try kernels(name)
      for (first, count) in [(0, 32), (32, 64), (480, 288), (736, 32)] {
        let x = Activations(tokens: tokens, columns: count, from: &random)
        let spread = Activations(tokens: tokens, columns: columns, from: &random)
        for t in 0..<tokens {
          for k in 0..<columns { spread.values.start[t * Int(spread.pointee.stride) + k] = 0 }
          (spread.values.start + t * Int(spread.pointee.stride) + first)
            .update(from: x.values.start + t * Int(x.pointee.stride), count: count)
        }
        try required(kernel.quantise)(&x.pointee, Int32(count), 0, Int32(tokens))
        try required(kernel.quantise)(&spread.pointee, Int32(columns), 0, Int32(tokens))
        let (expected, found) = (output(tokens, rows), output(tokens, rows))
        var part = kelvin_weight_columns(&whole, Int32(first), Int32(count))
        let (T, P) = (Int32(tokens), Int32(packed.panels))
        try required(kernel.multiply)(&whole, &spread.pointee, T, 0, P, nil, expected.start, rows + 2)
        try required(kernel.multiply)(&part, &x.pointee, T, 0, P, nil, found.start, rows + 2)
        #expect(distance(expected, found) <= 1e-5 * max(1, expected.largest), "\(name), \(count) from \(first)")
      }
    }
  }
}
