import CKelvinKernels
import Testing

@Suite("Loops that measure the machine do the work that they are timed for")
struct LimitsTests {
  private func limits(_ name: String) throws -> kelvin_limits {
    try #require(kelvin_limits_named(name)).pointee
  }

  @Test("every word is read once, in however many streams", arguments: ["scalar"] + variants)
  func reading(name: String) throws {
    let read = try required(limits(name).read)
    for blocks in [0, 1, 2, 3] {
      for streams: Int32 in [1, 2, 4, 8] {
        var random = Random(seed: UInt64(blocks) * 8 + UInt64(streams))
        let count = blocks * 64 * Int(streams)
        let words = Memory((0..<count).map { _ in UInt32.random(in: 0...(.max), using: &random) }, padding: 0)
        let found = words.start.withMemoryRebound(to: UInt8.self, capacity: count * 4) { read($0, count * 4, streams) }
        #expect(found == words.array.reduce(0, ^))
      }
    }
  }

  @Test("twice the rounds are twice the products", arguments: ["scalar"] + variants)
  func products(name: String) throws {
    let limits = try limits(name)
    for products in [try required(limits.products_of_codes), try required(limits.products_of_numbers)] {
      let one = products(1)
      #expect(one >= 16)
      for rounds: Int32 in [0, 2, 1000] { #expect(products(rounds) == Double(rounds) * one) }
    }
    // The most that is allowed is still exact.
    let numbers = try required(limits.products_of_numbers)
    #expect(numbers(1 << 20) == Double(1 << 20) * numbers(1))
  }

  @Test("products of bfloat16 are counted, or there are none")
  func halves() {
    let one = kelvin_products_of_bf16(1)
    #expect([0, 512, 32_768].contains(one))
    #expect(kelvin_products_of_bf16(1000) == 1000 * one)
  }
}
