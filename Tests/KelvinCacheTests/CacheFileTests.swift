import Foundation
import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("A cache file is taken whole or refused with a reason")
struct CacheFileTests {
  private static let layout = CacheLayout(
    layers: 2,
    each: StoreLayout(
      heads: 2, keyWidth: 2, values: .stored(width: 1), rotary: Rotary(pairs: .adjacent, frequencies: [0.7])))
  private static let policy = "h2o:budget=66"

  private let processor: Processor

  init() throws { processor = try Processor(threads: 1) }

  private static func empty(
    layout: CacheLayout = layout, formats: EntryFormats = EntryFormats(),
    policy: any CachePolicy = H2O(budget: .entries(66)),
    pool: PagePool = PagePool()
  ) -> SequenceCache {
    SequenceCache(layout: layout, formats: formats, policy: policy, pool: pool)
  }

  /// A cache of 66 of 70 entries in every head: two pages each, the second of two entries.
  private static func filled(_ policy: any CachePolicy = H2O(budget: .entries(66))) throws -> SequenceCache {
    let processor = try Processor(threads: 1)
    var numbers = SeededNumbers(seed: 4)
    var cache = empty(policy: policy)
    cache.beginPrompt(length: 70)
    cache.expect(70, kinds: Array(repeating: .newline, count: 70))
    for layer in 0..<2 {
      let keys = processor.tensor(rows: 70, columns: 4, values: numbers.floats(280))
      let values = processor.tensor(rows: 70, columns: 2, values: numbers.floats(140))
      _ = try cache.attend(keys, adding: NewEntries(keys: keys, values: values), layer: layer, scale: 1)
    }
    return cache
  }

  private static func file() throws -> [UInt8] { try CacheBytes.save(filled(), policy: policy) }

  /// Why `bytes` are refused; `nil` where they are taken.
  private func refusal(
    _ bytes: [UInt8], as policy: String = policy, by make: any CachePolicy = H2O(budget: .entries(66))
  ) -> CacheError? {
    let pool = PagePool()
    var refusal: CacheError?
    do {
      var cache = Self.empty(policy: make, pool: pool)
      do { try CacheBytes.load(bytes, into: &cache, policy: policy, on: processor) } catch { refusal = error }
    }
    #expect(pool.bytes == 0)
    return refusal
  }

  @Test("the checksum is CRC-32C, by its check value")
  func checksum() {
    var checksum = Checksum()
    checksum.add(Array("1234".utf8))
    checksum.add(Array("56789".utf8))
    #expect(checksum.value == 0xE306_9283)
    #expect(Checksum().value == 0)
  }

  @Test("the file begins with its signature, and its sections are as documented")
  func format() throws {
    let file = try Self.file()
    #expect(file.prefix(12) == [0x89, 0x4B, 0x45, 0x4C, 0x56, 0x49, 0x4E, 0x0A, 2, 0, 0, 0])
    let sections = CacheBytes.sections(file)
    let store: [Section] = [.store, .ledger, .page, .page, .ledger, .page, .page]
    #expect(sections.map(\.section) == [.cache] + store + store + [.end])
    #expect(sections[2].contents.count == 66 * 8)
    #expect(sections[3].contents.count == 64 * 3 * 2)
    // Two keys of the second page in each row of 64, then two values of one number: all else is zero.
    let last = sections[4].contents
    for (place, byte) in last.enumerated() where (place < 256 ? place % 128 : place - 256) >= 4 { #expect(byte == 0) }
    #expect(try CacheBytes.file(sections) == file)
    #expect(refusal(file) == nil)
  }

  @Test("a file that ends anywhere before its end is refused")
  func truncated() throws {
    let file = try Self.file()
    for count in 0..<file.count {
      let refusal = refusal(Array(file.prefix(count)))
      if count < 12 {
        #expect(refusal == .notACache)
      } else if case .cutShort(_, let needed, let left)? = refusal {
        #expect(needed > left)
      } else {
        Issue.record("\(count) bytes: \(String(describing: refusal))")
      }
    }
    #expect(refusal(file + [0]) == .trailingBytes(1))
  }

  @Test("a single wrong bit in any byte is noticed")
  func flipped() throws {
    let file = try Self.file()
    var damaged = file
    for place in file.indices {
      // Every bit of the signature and of the first section's header, one bit of every byte after them.
      for bit in place < 28 ? Array(0..<8) : [place % 8] {
        damaged[place] ^= 1 << bit
        if refusal(damaged) == nil { Issue.record("byte \(place), bit \(bit)") }
        damaged[place] = file[place]
      }
    }
  }

  @Test("foreign files: text, another version, sections that are swapped or come from another cache")
  func foreign() throws {
    let file = try Self.file()
    #expect(refusal(Array("GGUF and then some more bytes".utf8)) == .notACache)
    #expect(refusal(Array(repeating: 0, count: 5000)) == .notACache)
    var version = file
    version[8] = 1
    #expect(refusal(version) == .unknownVersion(1, supported: 2))
    // A page that lies where another belongs has the checksum of its old place.
    let length = 16 + 384
    let first = 12 + CacheBytes.sections(file).prefix(3).reduce(0) { $0 + 16 + $1.contents.count }
    var swapped = file
    swapped.replaceSubrange(first..<first + length, with: file[first + length..<first + 2 * length])
    swapped.replaceSubrange(first + length..<first + 2 * length, with: file[first..<first + length])
    #expect(refusal(swapped) == .damaged(section: "a page", number: 3))
    // The same section of another cache is sound by itself, and the end mark knows it was not here.
    var sections = CacheBytes.sections(file)
    sections[3].contents[0] ^= 1
    let other = try CacheBytes.file(sections)
    var spliced = file
    spliced.replaceSubrange(first..<first + length, with: other[first..<first + length])
    #expect(refusal(spliced) == .damaged(section: "the whole file", number: 0))
  }

  @Test("another policy, other formats, another shape, another rotation")
  func different() throws {
    let file = try Self.file()
    #expect(
      self.refusal(file, as: "h2o:budget=67")
        == .different(fact: "policy", found: "'h2o:budget=66'", expected: "h2o:budget=67"))
    func refusal(
      formats: EntryFormats = EntryFormats(), changed change: (inout StoreLayout) -> Void = { _ in }
    ) -> CacheError? {
      var layout = Self.layout
      change(&layout.stores[1])
      var cache = Self.empty(layout: layout, formats: formats)
      do { try CacheBytes.load(file, into: &cache, policy: Self.policy, on: processor) } catch { return error }
      return nil
    }
    #expect(
      refusal(formats: EntryFormats(keys: .f32, values: .f16))
        == .different(fact: "format of entries", found: "f16", expected: "f32/f16"))
    for change: (inout StoreLayout) -> Void in [
      { $0.heads = 3 }, { $0.keyWidth = 4 }, { $0.values = .stored(width: 2) }, { $0.rotary = nil },
      { $0.rotary?.frequencies = [0.700_000_000_000_000_1] }, { $0.rotary?.pairs = .halves },
    ] {
      guard case .different(fact: "shape of cache", _, _)? = refusal(changed: change) else {
        Issue.record("another layout was taken")
        continue
      }
    }
  }

  @Test(
    "facts that cannot be, under a right checksum",
    arguments: [
      (Section.cache, "\"seen\":70", "\"seen\":9223372036854775808"),
      (.cache, "\"seen\":70", "\"seen\":9223372036854775807"),
      (.cache, "\"seen\":70", "\"seen\":-1"), (.cache, "\"seen\":70", "\"seen\":65"),
      (.cache, "\"seen\":70", "\"seen\":1e99"),
      (.cache, "\"promptLength\":70", "\"promptLength\":9223372036854775807"), (.cache, "{", "["),
      (.cache, "\"seen\"", "\"sin\""),
      (.cache, "\"keys\":\"f16\"", "\"keys\":\"f17\""), (.store, "[66,66]", "[66]"), (.store, "[66,66]", "[66,66,66]"),
      (.store, "[66,66]", "[66,67]"), (.store, "[66,66]", "[66,-1]"), (.store, "[66,66]", "[66,9223372036854775807]"),
      (.store, "[66,66]", "[66,9223372036854775808]"), (.store, "\"notes\":[]", "\"notes\":[1]"),
      (.store, "\"evicted\":8", "\"evicted\":-8"), (.store, "\"evicted\":8", "\"evicted\":null"),
    ])
  func forged(_ section: Section, _ text: String, _ lie: String) throws {
    var sections = CacheBytes.sections(try Self.file())
    let place = try #require(sections.firstIndex { $0.section == section })
    let honest = String(decoding: sections[place].contents, as: UTF8.self)
    try #require(honest.contains(text), "\(honest)")
    sections[place].contents = Array(honest.replacingOccurrences(of: text, with: lie).utf8)
    let refusal = try #require(refusal(try CacheBytes.file(sections)))
    #expect(!refusal.description.isEmpty && !refusal.description.contains("\n"))
  }

  @Test("positions that were not read or are there twice, and attention that is no number")
  func columns() throws {
    let sections = CacheBytes.sections(try Self.file())
    func refusal(_ place: Int, _ bytes: [UInt8]) throws -> CacheError? {
      var forged = sections
      forged[2].contents.replaceSubrange(place..<place + 4, with: bytes)
      return self.refusal(try CacheBytes.file(forged))
    }
    func impossible(_ fact: String, _ found: String, _ expected: String) -> CacheError {
      .impossible(section: "a head's ledger", fact: fact, found: found, expected: expected)
    }
    #expect(try refusal(0, [70, 0, 0, 0]) == impossible("a position", "70", "0 to 69"))
    #expect(try refusal(0, [255, 255, 255, 255]) == impossible("a position", "-1", "0 to 69"))
    #expect(try refusal(0, Array(sections[2].contents[4..<8])) == impossible("a position", "there twice", "there once"))
    #expect(try refusal(66 * 4, [0, 0, 192, 127]) == impossible("attention", "nan", "a finite number"))
    #expect(try refusal(66 * 4, [0, 0, 128, 127]) == impossible("attention", "inf", "a finite number"))
  }

  @Test("kinds of tokens and recipes of heads that do not exist")
  func fastGen() throws {
    let policy = FastGen(threshold: 0.5)
    let file = try CacheBytes.save(Self.filled(policy), policy: "fastgen")
    #expect(refusal(file, as: "fastgen", by: policy) == nil)
    var sections = CacheBytes.sections(file)
    sections[2].contents[sections[2].contents.count - 1] = 9
    #expect(
      refusal(try CacheBytes.file(sections), as: "fastgen", by: policy)
        == .impossible(section: "a head's ledger", fact: "a kind of token", found: "9", expected: "0 to 3"))
    for notes in ["[]", "[0]", "[0,5]", "[0,0,0]", "[-1,0]"] {
      var sections = CacheBytes.sections(file)
      let honest = String(decoding: sections[1].contents, as: UTF8.self)
      let forged = honest.replacing(#/"notes":\[[^\]]*\]/#, with: "\"notes\":\(notes)")
      sections[1].contents = Array(forged.utf8)
      guard
        case .impossible(_, "what the policy noted", _, _)? = refusal(
          try CacheBytes.file(sections), as: "fastgen", by: policy)
      else {
        Issue.record("\(notes)")
        continue
      }
    }
  }

  @Test("a pool that is too small refuses the file, and gets every page back")
  func limit() throws {
    let file = try Self.file()
    let pool = PagePool(limit: 7 * 384)
    do {
      var cache = Self.empty(pool: pool)
      #expect(throws: CacheError.memory(.poolExhausted(bytes: 8 * 384, limit: 7 * 384))) {
        try CacheBytes.load(file, into: &cache, policy: Self.policy, on: processor)
      }
    }
    #expect(pool.bytes == 0)
  }
}
