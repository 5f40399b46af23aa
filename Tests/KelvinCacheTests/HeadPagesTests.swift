import KelvinCache
import KelvinTensors
import TestSupport
import Testing

@Suite("A head's entries lie in pages of 64")
struct HeadPagesTests {
  let processor: Processor
  let pool = PagePool()

  init() throws { processor = try Processor(threads: 1) }

  /// A head of `count` entries; entry `j` has the key `[j, -j, …]` and the value `[j / 2, …]`.
  private func filled(_ count: Int, format: EntryFormat = .f32) throws -> HeadPages {
    var pages = HeadPages(
      shape: PageShape(keyWidth: 4, valueWidth: 6, keyFormat: format, valueFormat: format), pool: pool)
    try pages.grow(by: count)
    let keys = (0..<count).flatMap { [Float($0), -Float($0), 1, 0] as [Float] }
    let values = (0..<count).flatMap { [Float](repeating: Float($0) / 2, count: 6) }
    pages.write(
      processor.tensor(rows: count, columns: 4, values: keys),
      processor.tensor(rows: count, columns: 6, values: values), head: 0, first: 0, kernels: processor.kernels)
    return pages
  }

  private func number(_ entry: Int, of pages: borrowing HeadPages) -> Int {
    let (key, value) = pages.read(entry, kernels: processor.kernels)
    let number = key[0]
    #expect(key == [number, -number, 1, 0])
    #expect(value == Array(repeating: number / 2, count: 6))
    return Int(number)
  }

  @Test(
    "as many pages as the entries need", arguments: [(0, 0), (1, 1), (63, 1), (64, 1), (65, 2), (128, 2), (129, 3)])
  func pages(_ count: Int, _ expected: Int) throws {
    let pages = try filled(count)
    #expect(pages.count == count)
    #expect(pages.pageCount == expected)
    #expect(pool.pages == expected)
    #expect(pool.bytes == expected * pages.shape.bytes)
    #expect(pages.shape.bytes == 64 * (4 + 6) * 4)
  }

  @Test("what was written can be read, on every page", arguments: [EntryFormat.f32, .f16, .bf16])
  func roundTrip(_ format: EntryFormat) throws {
    let pages = try filled(130, format: format)
    for entry in 0..<130 { #expect(number(entry, of: pages) == entry) }
  }

  @Test("an entry that leaves is replaced by the last one, key and value, across pages")
  func swapRemove() throws {
    var pages = try filled(130)
    try pages.swapRemove(3)
    #expect(number(3, of: pages) == 129)
    try pages.swapRemove(128)
    #expect(pages.count == 128)
    #expect((0..<128).map { number($0, of: pages) } == (0..<128).map { $0 == 3 ? 129 : $0 })
  }

  @Test("the entries left are those that were not removed, in any order of removals")
  func removals() throws {
    var numbers = SeededNumbers(seed: 5)
    var pages = try filled(200)
    var left = Array(0..<200)
    while !left.isEmpty {
      let entry = Int(numbers.next() % UInt64(left.count))
      try pages.swapRemove(entry)
      let last = left.removeLast()
      if entry < left.count { left[entry] = last }
      if left.count % 20 == 0 { #expect((0..<left.count).map { number($0, of: pages) } == left) }
      #expect(pages.pageCount == (left.count + 63) / 64)
      #expect(pool.pages == pages.pageCount)
    }
    #expect(pool.bytes == 0)
  }

  @Test("a page returns to the pool with its last entry, and all of them with the head")
  func returning() throws {
    do {
      var pages = try filled(65)
      #expect(pool.pages == 2)
      try pages.swapRemove(0)
      #expect(pool.pages == 1)
    }
    #expect(pool.pages == 0)
    #expect(pool.peakBytes == 2 * 64 * 10 * 4)
  }

  @Test("f16 and bf16 store the nearest number they have, ties to even")
  func rounding() throws {
    // 1 + 2⁻¹¹ is the middle of two f16 numbers, 1 + 3·2⁻¹¹ of the next two; the same for bf16 with 2⁻⁸.
    let written: [Float] = [1.000_488_281_25, 1.001_464_843_75, 1.003_906_25, 1.011_718_75, 65_504, -0.1, 3e-5, 0]
    let f16: [Float] = [1, 1.001_953_125, 1.003_906_25, 1.011_718_75, 65_504, -0.099_975_586, 2.998_113_6e-5, 0]
    let bf16: [Float] = [1, 1, 1, 1.015_625, 65_536, -0.100_097_656, 3.004_074_1e-5, 0]
    for (format, expected) in [(EntryFormat.f32, written), (.f16, f16), (.bf16, bf16)] {
      var pages = HeadPages(
        shape: PageShape(keyWidth: 8, valueWidth: 8, keyFormat: format, valueFormat: format), pool: pool)
      try pages.grow(by: 1)
      let tensor = processor.tensor(rows: 1, columns: 8, values: written)
      pages.write(tensor, tensor, head: 0, first: 0, kernels: processor.kernels)
      let (key, value) = pages.read(0, kernels: processor.kernels)
      #expect(key == expected)
      #expect(value == expected)
    }
  }

  @Test("keys and values may have formats of their own")
  func mixed() throws {
    var pages = HeadPages(
      shape: PageShape(keyWidth: 2, valueWidth: 2, keyFormat: .f32, valueFormat: .bf16), pool: pool)
    try pages.grow(by: 1)
    let tensor = processor.tensor(rows: 1, columns: 2, values: [0.1, 257])
    pages.write(tensor, tensor, head: 0, first: 0, kernels: processor.kernels)
    let (key, value) = pages.read(0, kernels: processor.kernels)
    #expect(key == [0.1, 257])
    #expect(value == [0.100_097_656, 256])
    #expect(pages.shape.bytes == 64 * (2 * 4 + 2 * 2))
  }
}
