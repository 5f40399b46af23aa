import CKelvinKernels
import Testing

@Suite("Packed weights")
struct PackingTests {
  @Test("unpack to the numbers of the stored format", arguments: Format.all)
  func unpack(format: Format) {
    var random = Random(seed: 1)
    for (rows, columns) in [(1, 256), (17, 768)] {
      let packed = PackedWeight(format, rows: rows, columns: columns, from: &random)
      let expected = Memory<Float>(rows * columns, filledWith: 0)
      kelvin_dequantise(format.format, packed.stored.start, rows * columns, expected.start)
      // The K formats multiply two scales; the product is rounded to a half, 2^-11 of scale times code and of minimum.
      let limit = format.length == 256 ? expected.largest * 0x1p-10 : 0
      #expect(distance(packed.unpacked(), expected) <= limit)
    }
  }

  @Test("keep the numbers of the stored format bit for bit where they are exact", arguments: Format.all)
  func exact(format: Format) {
    var random = Random(seed: 2)
    let packed = PackedWeight(format, rows: 18, columns: 512, exact: true, from: &random)
    let expected = Memory<Float>(18 * 512, filledWith: 0)
    kelvin_dequantise(format.format, packed.stored.start, 18 * 512, expected.start)
    #expect(packed.weight.packing == KELVIN_PACKED_F32)
    #expect(packed.unpacked().bits == expected.bits)
  }

  @Test("may have any number of columns where the format has no blocks", arguments: Format.all.prefix(3))
  func columns(format: Format) {
    var random = Random(seed: 3)
    for columns in [1, 31, 33] {
      let packed = PackedWeight(format, rows: 3, columns: columns, from: &random)
      let expected = Memory<Float>(3 * columns, filledWith: 0)
      kelvin_dequantise(format.format, packed.stored.start, 3 * columns, expected.start)
      #expect(packed.unpacked().bits == expected.bits)
    }
  }
}

@Suite("The table of kernels")
struct TableTests {
  @Test("has a scalar row on every machine")
  func scalar() throws {
    #expect(String(cString: try kernels("scalar").name) == "scalar")
  }

  @Test("has no row of an unknown name")
  func unknown() {
    #expect(kelvin_kernels_named("abacus") == nil)
  }

  @Test("gives the fastest row where no name is asked for")
  func fastest() throws {
    let fastest = try #require(kelvin_kernels_named(nil)).pointee
    #expect(String(cString: fastest.name) == variants.first ?? "scalar")
  }
}
