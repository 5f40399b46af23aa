import CKelvinKernels
import Testing

@Suite("Norms, exponentials, rotations")
struct ElementwiseTests {
  static let sizes = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 576]

  @Test("exponentials are those of the scalar variant to two units in the last place", arguments: variants)
  func exponentials(variant: String) throws {
    var random = Random(seed: 9)
    for n in Self.sizes {
      for spread: Float in [1, 30, 300] {
        let expected = Memory<Float>(random: n, scale: spread, from: &random)
        if n > 8 { expected.start[n / 2] = -.infinity }
        let found = Memory(expected.array, padding: 0)
        var (expectedMaximum, foundMaximum): (Float, Float) = (0, 0)
        let expectedSum = try required(kernels("scalar").exponentials)(expected.start, Int32(n), &expectedMaximum)
        let foundSum = try required(kernels(variant).exponentials)(found.start, Int32(n), &foundMaximum)
        #expect(foundMaximum == expectedMaximum)
        #expect(abs(foundSum - expectedSum) <= 1e-6 * expectedSum)
        for (a, b) in zip(expected.array, found.array) {
          // Below e^-87 the variants write 0.
          #expect(abs(a - b) <= 2 * a.ulp || a < 2e-38)
        }
      }
    }
  }

  @Test("exponentials of nothing but -infinity are zeros", arguments: ["scalar"] + variants)
  func noScores(name: String) throws {
    for n in Self.sizes {
      let x = Memory<Float>(n, filledWith: -.infinity)
      var maximum: Float = 0
      #expect(try required(kernels(name).exponentials)(x.start, Int32(n), &maximum) == 0)
      #expect(maximum == -.infinity)
      #expect(x.array == Array(repeating: 0, count: n))
    }
  }

  @Test("silu agrees with the scalar variant", arguments: variants)
  func silu(variant: String) throws {
    var random = Random(seed: 10)
    for n in Self.sizes {
      for spread: Float in [1, 20, 200] {
        let gate = Memory<Float>(random: n, scale: spread, from: &random)
        let up = Memory<Float>(random: n, from: &random)
        let (expected, found) = (Memory<Float>(n, filledWith: 9), Memory<Float>(n, filledWith: 9))
        try required(kernels("scalar").silu_multiply)(gate.start, up.start, n, expected.start)
        try required(kernels(variant).silu_multiply)(gate.start, up.start, n, found.start)
        for (a, b) in zip(expected.array, found.array) { #expect(abs(a - b) <= 5e-7 * abs(a) + 1e-35) }
        try required(kernels(variant).silu_multiply)(gate.start, up.start, n, gate.start)
        #expect(gate.bits == found.bits, "y may be gate")
      }
    }
  }

  @Test("gelu agrees with the scalar variant, alone and as a gate", arguments: variants)
  func gelu(variant: String) throws {
    var random = Random(seed: 14)
    for n in Self.sizes {
      for spread: Float in [1, 20, 1e20] {
        let gate = Memory<Float>(random: n, scale: spread, from: &random)
        let up = Memory<Float>(random: n, from: &random)
        let (expected, found) = (Memory<Float>(n, filledWith: 9), Memory<Float>(n, filledWith: 9))
        try required(kernels("scalar").gelu)(gate.start, n, expected.start)
        try required(kernels(variant).gelu)(gate.start, n, found.start)
        // Below -5 the scalar form loses what 1 + tanh cancels.
        for (a, b) in zip(expected.array, found.array) { #expect(abs(a - b) <= 1e-6 * abs(a) + 1e-6) }
        try required(kernels("scalar").gelu_multiply)(gate.start, up.start, n, expected.start)
        try required(kernels(variant).gelu_multiply)(gate.start, up.start, n, found.start)
        for (a, b) in zip(expected.array, found.array) { #expect(abs(a - b) <= 1e-6 * abs(a) + 1e-6) }
        try required(kernels(variant).gelu_multiply)(gate.start, up.start, n, gate.start)
        #expect(gate.bits == found.bits, "y may be gate")
      }
    }
  }

  @Test("layer norms agree with the scalar variant", arguments: variants)
  func layerNorm(variant: String) throws {
    var random = Random(seed: 15)
    for n in Self.sizes.dropFirst() {
      let x = Memory<Float>(random: n, scale: 5, from: &random)
      let (weight, bias) = (Memory<Float>(random: n, from: &random), Memory<Float>(random: n, from: &random))
      let (expected, found) = (Memory<Float>(n, filledWith: 9), Memory<Float>(n, filledWith: 9))
      try required(kernels("scalar").layer_norm)(x.start, weight.start, bias.start, 1e-5, Int32(n), expected.start)
      try required(kernels(variant).layer_norm)(x.start, weight.start, bias.start, 1e-5, Int32(n), found.start)
      // Numbers up to 5 less their mean: rounded in the sixth place where they cancel.
      #expect(distance(expected, found) <= 4e-6)
      try required(kernels(variant).layer_norm)(x.start, weight.start, bias.start, 1e-5, Int32(n), x.start)
      #expect(x.bits == found.bits, "y may be x")
    }
  }

  @Test("norms agree with the scalar variant", arguments: variants)
  func rmsNorm(variant: String) throws {
    var random = Random(seed: 11)
    for n in Self.sizes.dropFirst() {
      let x = Memory<Float>(random: n, scale: 5, from: &random), weight = Memory<Float>(random: n, from: &random)
      let (expected, found) = (Memory<Float>(n, filledWith: 9), Memory<Float>(n, filledWith: 9))
      try required(kernels("scalar").rms_norm)(x.start, weight.start, 1, 1e-5, Int32(n), expected.start)
      try required(kernels(variant).rms_norm)(x.start, weight.start, 1, 1e-5, Int32(n), found.start)
      for (a, b) in zip(expected.array, found.array) { #expect(abs(a - b) <= 1e-6 * abs(a)) }
      try required(kernels(variant).rms_norm)(x.start, weight.start, 1, 1e-5, Int32(n), x.start)
      #expect(x.bits == found.bits, "y may be x")
    }
  }

  @Test("rotations agree with the scalar variant", arguments: variants, [true, false])
  func rotate(variant: String, adjacent: Bool) throws {
    var random = Random(seed: 12)
    for pairs in Self.sizes {
      let expected = Memory<Float>(random: 2 * pairs, from: &random)
      let found = Memory(expected.array, padding: 0)
      let (cosines, sines) = (Memory<Float>(random: pairs, from: &random), Memory<Float>(random: pairs, from: &random))
      try required(kernels("scalar").rotate)(expected.start, cosines.start, sines.start, Int32(pairs), adjacent)
      try required(kernels(variant).rotate)(found.start, cosines.start, sines.start, Int32(pairs), adjacent)
      // Two products below 1, rounded once instead of twice.
      #expect(distance(expected, found) <= 2.5e-7)
    }
  }

  @Test("additions and multiplications agree with the scalar variant", arguments: variants)
  func plain(variant: String) throws {
    var random = Random(seed: 13)
    for n in Self.sizes {
      let x = Memory<Float>(random: n, from: &random), expected = Memory<Float>(random: n, from: &random)
      let found = Memory(expected.array, padding: 0)
      for (kernels, y) in [(try kernels("scalar"), expected), (try kernels(variant), found)] {
        try required(kernels.add)(y.start, x.start, n, y.start)
        try required(kernels.multiply_by)(y.start, 1.7, n)
      }
      #expect(expected.bits == found.bits)
      try required(kernels("scalar").add_scaled)(expected.start, x.start, 0.3, n)
      try required(kernels(variant).add_scaled)(found.start, x.start, 0.3, n)
      #expect(distance(expected, found) <= 5e-7)
    }
  }

  @Test("multiples of rows add up, in order, in any number of them", arguments: ["scalar"] + variants)
  func addRows(name: String) throws {
    var random = Random(seed: 16)
    for n in Self.sizes {
      for rows in [0, 1, 3, 8] {
        let x = Memory<Float>(random: rows * (n + 5), from: &random)
        let factors = Memory<Float>(random: rows, from: &random)
        let y = Memory<Float>(random: n, from: &random)
        let expected = (0..<n).map { i in
          (0..<rows).reduce(Double(y.start[i])) { $0 + Double(factors.start[$1]) * Double(x.start[$1 * (n + 5) + i]) }
        }
        try required(kernels(name).add_rows)(y.start, x.start, n + 5, factors.start, Int32(rows), n)
        for (a, b) in zip(y.array, expected) { #expect(abs(Double(a) - b) <= 1e-6) }
      }
    }
  }

  @Test("a bit says who received an even share, and bits are counted", arguments: ["scalar"] + variants)
  func countRows(name: String) throws {
    var random = Random(seed: 17)
    for n in Self.sizes {
      let words = Memory((0..<n).map { _ in random.next() }, padding: 0)
      let counts = Memory(words.array.map { Float($0.nonzeroBitCount) }, padding: 0)
      for (bit, rows) in [(0, 1), (1, 2), (31, 3), (32, 4), (63, 7)] {
        let x = Memory<Float>(random: rows * (n + 5), from: &random)
        // Powers of two: sums come out the same however they are made.
        let factors = Memory((0..<rows).map { Float(1 << $0) }, padding: 0)
        for i in 0..<x.count { x.start[i] = (x.start[i] * 64).rounded() / 64 }
        let expected = words.array.enumerated().map { i, word in
          let sum = (0..<rows).reduce(Float(0)) { $0 + factors.start[$1] * x.start[$1 * (n + 5) + i] }
          return sum >= 0.25 ? word | 1 << UInt64(bit) : word & ~(1 << UInt64(bit))
        }
        try required(kernels(name).count_rows)(
          x.start, n + 5, factors.start, Int32(rows), 0.25, Int32(bit), words.start, counts.start, n)
        #expect(words.array == expected)
        #expect(counts.array == expected.map { Float($0.nonzeroBitCount) })
      }
    }
  }
}
