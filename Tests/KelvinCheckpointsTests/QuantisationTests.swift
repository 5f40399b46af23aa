import Foundation
import KelvinCheckpoints
import KelvinTensors
import TestSupport
import Testing

@Suite("Quantisation")
struct QuantisationTests {
  private let processor: Processor

  init() throws { processor = try Processor(threads: 1) }

  /// What `numbers` become when they are written in `format` and read again.
  private func again(_ numbers: [Float], _ format: WeightFormat) throws -> [Float] {
    let bytes = processor.quantised(ContiguousArray(numbers), as: format)
    return try Array(tensor(bytes, format, count: numbers.count).floats())
  }

  private func tensor(_ bytes: some Sequence<UInt8>, _ format: WeightFormat, count: Int) -> StoredTensor {
    let source = ArraySource(bytes)
    return StoredTensor(
      name: "x", shape: [count], format: format, source: source, range: 0..<source.bytes.count)
  }

  private func fixture(_ name: String) throws -> [UInt8] { [UInt8](try Fixtures.data("quantise/" + name)) }

  @Test(
    "formats with a fixed definition give the bytes of gguf-py", arguments: [WeightFormat.f16, .q8_0, .q4_0, .q4_1])
  func reference(_ format: WeightFormat) throws {
    let numbers = try tensor(fixture("numbers.bin"), .f32, count: 2048).floats()
    #expect(try Array(processor.quantised(numbers, as: format)) == fixture(format.rawValue + ".bin"))
  }

  @Test("bf16 rounds to nearest, ties to even")
  func bfloat() throws {
    let numbers: [Float] = [1, 0x1.01p0, 0x1.03p0, -0x1.010002p0, 0, -0.0, .infinity, .greatestFiniteMagnitude]
    let expected: [Float] = [1, 1, 0x1.04p0, -0x1.02p0, 0, -0.0, .infinity, .infinity]
    #expect(try again(numbers, .bf16).map(\.bitPattern) == expected.map(\.bitPattern))
  }

  /// The largest error of a number, as a share of the greatest magnitude in its block, with the scale's own rounding:
  /// half a step, and where the sign is lopsided a whole one.
  static let limits: [(WeightFormat, Float)] = [
    (.f32, 0), (.f16, 0x1p-11), (.bf16, 0x1p-8), (.q8_0, 0.0046), (.q4_0, 0.126), (.q4_1, 0.068), (.q6_K, 0.045),
    (.q4_K, 0.16),
  ]

  @Test("every number stays within a share of its block's greatest", arguments: limits)
  func errors(_ format: WeightFormat, _ limit: Float) throws {
    var random = SeededNumbers(seed: 3)
    let numbers = random.floats(256 * 64)
    let read = try again(numbers, format)
    for start in stride(from: 0, to: numbers.count, by: format.blockLength) {
      let block = start..<start + format.blockLength
      let greatest = block.map { abs(numbers[$0]) }.max() ?? 0
      let worst = block.map { abs(numbers[$0] - read[$0]) }.max() ?? 0
      #expect(worst <= limit * greatest, "\(worst / greatest) in the block at \(start)")
    }
  }

  @Test("zeros stay zeros", arguments: WeightFormat.written)
  func zeros(_ format: WeightFormat) throws {
    #expect(try again(Array(repeating: 0, count: 256), format).allSatisfy { $0 == 0 })
  }

  @Test("infinities and NaNs do not trap, whatever they become", arguments: WeightFormat.written)
  func odd(_ format: WeightFormat) throws {
    for number in [Float.infinity, -.infinity, .nan, .greatestFiniteMagnitude] {
      var numbers = Array(repeating: Float(1), count: 256)
      numbers[17] = number
      #expect(try again(numbers, format).count == 256)
    }
  }

  @Test("a written block is written the same way again", arguments: [WeightFormat.f16, .bf16, .q8_0, .q4_0, .q4_1])
  func idempotent(_ format: WeightFormat) throws {
    var random = SeededNumbers(seed: 5)
    let once = processor.quantised(ContiguousArray(random.floats(8192)), as: format)
    let numbers = try tensor(once, format, count: 8192).floats()
    #expect(processor.quantised(numbers, as: format) == once)
  }

  @Test("Q4_K finds a block again that uses all codes and the largest scales, bit for bit")
  func wholeQ4K() throws {
    let numbers = (0..<256).map { index -> Float in
      let (scale, minimum) = (63 - index / 32 * 5, 63 - index / 32 * 3)
      let code = index % 32 * 7 % 16
      return 0.25 * Float(scale * code) - 0.125 * Float(minimum)
    }
    #expect(try again(numbers, .q4_K) == numbers)
  }

  @Test("Q6_K finds a block again that uses the lowest code and the largest scale, bit for bit")
  func wholeQ6K() throws {
    let numbers = (0..<256).map { index -> Float in
      let (scale, code) = (index / 16 * 6 - 128, index % 16 * 13 % 64 - 32)
      return 0.0625 * Float(scale * code)
    }
    #expect(try again(numbers, .q6_K) == numbers)
  }

  @Test(
    "a second round of Q4_K and Q6_K adds less than a tenth of the first's error",
    arguments: [WeightFormat.q4_K, .q6_K])
  func secondRound(_ format: WeightFormat) throws {
    var random = SeededNumbers(seed: 9)
    let numbers = random.floats(256 * 64)
    let once = try again(numbers, format)
    let share = (squaredError(try again(once, format), once) / squaredError(once, numbers)).squareRoot()
    #expect(share < 0.1)
  }

  @Test("real rows lose no more than in llama.cpp's files", arguments: [WeightFormat.q4_K, .q6_K, .q8_0, .q4_0, .q4_1])
  func againstLlamaCpp(_ format: WeightFormat) throws {
    func read(_ name: String) throws -> Checkpoint {
      try CheckpointReader.read(path: TestSupport.Fixtures.path("gguf-llama256/tiny256-\(name).gguf"))
    }
    let (original, theirs) = (try read("F16"), try read(format.rawValue.uppercased()))
    var (ourError, theirError) = (0.0, 0.0)
    for (name, tensor) in original.tensors where theirs.tensors[name]?.format == format {
      let numbers = Array(tensor.numbers())
      let reference = try #require(theirs.tensors[name])
      ourError += squaredError(try again(numbers, format), numbers)
      theirError += squaredError(Array(reference.numbers()), numbers)
    }
    #expect(theirError > 0)
    #expect(ourError <= theirError * 1.001, "\((ourError / theirError).squareRoot()) times theirs")
  }

  @Test("any number of threads writes the same bytes", arguments: WeightFormat.written)
  func threads(_ format: WeightFormat) throws {
    var random = SeededNumbers(seed: 11)
    let numbers = ContiguousArray(random.floats(1 << 18))
    let several = try Processor(threads: 3)
    let bytes = processor.quantised(numbers, as: format)
    #expect(several.quantised(numbers, as: format) == bytes)
    let stored = tensor(bytes, format, count: numbers.count)
    #expect(several.numbers(of: stored) == stored.numbers())
  }

  private func squaredError(_ a: [Float], _ b: [Float]) -> Double {
    zip(a, b).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
  }
}
