import Foundation
import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("A cache file says which entries are in f16")
struct ResidualFileTests {
  private let processor: Processor

  init() throws { processor = try Processor(threads: 1) }

  private func empty(_ residual: Int = 5, pool: PagePool = PagePool()) -> SequenceCache {
    let store = StoreLayout(heads: 2, keyWidth: 32, values: .stored(width: 32), rotary: nil)
    return SequenceCache(
      layout: CacheLayout(layers: 1, each: store),
      formats: EntryFormats(keys: .q4_0, values: .q8_0, residual: residual),
      policy: H2O(budget: .entries(66)), pool: pool)
  }

  /// 66 of 70 entries in each of two heads, 5 of them in f16.
  private func file() throws -> [UInt8] {
    var numbers = SeededNumbers(seed: 4)
    var cache = empty()
    cache.beginPrompt(length: 70)
    cache.expect(70)
    let rows = processor.tensor(rows: 70, columns: 64, values: numbers.floats(70 * 64))
    _ = try cache.attend(rows, adding: NewEntries(keys: rows, values: rows), layer: 0, scale: 1)
    return try CacheBytes.save(cache, policy: "p")
  }

  private func refusal(_ bytes: [UInt8], residual: Int = 5) -> CacheError? {
    let pool = PagePool()
    var refusal: CacheError?
    do {
      var cache = empty(residual, pool: pool)
      do { try CacheBytes.load(bytes, into: &cache, policy: "p", on: processor) } catch { refusal = error }
      if refusal == nil { #expect(cache.residualPositions[0].allSatisfy { $0.count == 5 }) }
    }
    #expect(pool.bytes == 0)
    return refusal
  }

  @Test("the pages of old entries stand before those of the newest")
  func format() throws {
    let file = try file()
    #expect(refusal(file) == nil)
    let sections = CacheBytes.sections(file)
    #expect(sections.map(\.section) == [.cache, .store, .ledger, .page, .page, .ledger, .page, .page, .end])
    #expect(sections[3].contents.count == 64 * 32 * 13 / 8 && sections[4].contents.count == 64 * 64 * 2)
    #expect(String(decoding: sections[1].contents, as: UTF8.self).contains("\"tails\":[5,5]"))
    #expect(
      refusal(file, residual: 6)
        == .different(fact: "format of entries", found: "q4_0/q8_0+5 f16", expected: "q4_0/q8_0+6 f16"))
  }

  @Test("a file that ends before its end, or has a wrong bit, is refused")
  func damaged() throws {
    let file = try file()
    // A prime step, so that all kinds of places are met.
    for place in stride(from: 0, to: file.count, by: 89) {
      #expect(refusal(Array(file.prefix(place))) != nil)
      var damaged = file
      damaged[place] ^= 1 << (place % 8)
      #expect(refusal(damaged) != nil)
    }
  }

  @Test(
    "numbers of newest entries that cannot be, under a right checksum",
    arguments: ["[5]", "[5,5,5]", "[5,6]", "[5,-1]", "[5,9223372036854775807]", "null", "[66,5]"])
  func forged(_ lie: String) throws {
    var sections = CacheBytes.sections(try file())
    let honest = String(decoding: sections[1].contents, as: UTF8.self)
    sections[1].contents = Array(honest.replacing("\"tails\":[5,5]", with: "\"tails\":\(lie)").utf8)
    guard case .impossible? = refusal(try CacheBytes.file(sections)) else {
      Issue.record("\(lie) was taken")
      return
    }
  }
}
