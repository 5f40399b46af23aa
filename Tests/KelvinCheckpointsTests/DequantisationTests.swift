import Foundation
import KelvinTensors
import TestSupport
import Testing

/// Blocks of one stored format and the numbers that they mean, bit for bit.
struct DequantisationCase: Decodable, Sendable, CustomTestStringConvertible {
  var what: String
  var format: String
  var offset: Int
  var bytes: Int
  var values_offset: Int
  var values: Int

  var testDescription: String { "\(format): \(what)" }
  static let all = (try? Fixtures.json("dequantise/cases.json", as: [DequantisationCase].self)) ?? []
}

@Suite("Dequantisation")
struct DequantisationTests {
  @Test("every stored format but plain floats has examples")
  func complete() {
    #expect(DequantisationCase.all.count == 109)
    let formats = Set(DequantisationCase.all.map(\.format))
    #expect(formats == Set(WeightFormat.allCases.map { $0.rawValue.lowercased() }).subtracting(["f32"]))
  }

  @Test("blocks give the format's numbers exactly", arguments: DequantisationCase.all)
  func exact(_ example: DequantisationCase) throws {
    let format = try #require(WeightFormat.allCases.first { $0.rawValue.lowercased() == example.format })
    let blocks = try Fixtures.data("dequantise/blocks.bin").dropFirst(example.offset).prefix(example.bytes)
    let expected = try Fixtures.data("dequantise/values.bin").dropFirst(example.values_offset * 4)
      .prefix(example.values * 4)
    #expect(format.bytes(count: example.values) == example.bytes)
    #expect(try bits(Array(blocks), format, count: example.values) == words(expected))
  }

  @Test("plain floats keep their bits, the odd ones included")
  func floats() throws {
    let numbers: [Float] = [0, -0.0, 1, -1.5, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
    #expect(try bits(Array(ArraySource(numbers).bytes), .f32, count: numbers.count) == numbers.map(\.bitPattern))
  }

  @Test("halves: zeros, subnormals, the largest and the infinities")
  func halves() throws {
    let bytes: [UInt8] = [0, 0, 0, 0x80, 1, 0, 0xFF, 3, 0xFF, 0x7B, 0, 0x7C, 0, 0xFC]
    let expected: [Float] = [0, -0.0, 0x1p-24, 1023 * 0x1p-24, 65504, .infinity, -.infinity]
    #expect(try bits(bytes, .f16, count: 7) == expected.map(\.bitPattern))
  }

  private func bits(_ bytes: [UInt8], _ format: WeightFormat, count: Int) throws -> [UInt32] {
    let tensor = StoredTensor(
      name: "blocks", shape: [count], format: format, source: ArraySource(bytes), range: 0..<bytes.count)
    return try tensor.floats().map(\.bitPattern)
  }

  private func words(_ data: Data) -> [UInt32] {
    let bytes = Array(data)
    return stride(from: 0, to: bytes.count, by: 4).map { place in
      (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
    }
  }
}
