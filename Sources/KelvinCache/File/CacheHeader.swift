import Foundation
import KelvinAttention

/// What a cache file says about the cache as a whole.
struct CacheHeader: Codable, Hashable {
  var layout: CacheLayout
  /// The formats of keys and values, by their names.
  var keys, values: String
  /// The newest entries of each head that stay in f16.
  var residual: Int
  /// The policy with every option written out.
  var policy: String
  /// Tokens read.
  var seen: Int
  /// The length that the policies were told when the newest prompt began; 0: no prompt has begun.
  var promptLength: Int
  /// Whether the states of retention layers follow; they do when a token has been read.
  var hasStates: Bool
}

/// What a cache file says about one store.
struct StoreHeader: Codable, Hashable {
  /// Entries of each head.
  var counts: [Int]
  /// Of these, the newest that are in f16 beside quantised ones.
  var tails: [Int]
  /// Entries that left.
  var evicted: Int
  /// What the policy noted.
  var notes: [Int]
  /// For each head of a gated store the tokens of the segment that the next one may be merged into; otherwise empty.
  var members: [Int]
  /// Queries whose statistics follow, and their query heads; 0 where the policy asks for none.
  var queries, queryHeads: Int
}

/// Facts as JSON in a section of their own.
package enum Facts {
  /// Sections of facts are short: a layout of a thousand layers is 4 MB.
  private static let most = 64 << 20

  /// Writes facts; equal facts give equal bytes.
  package static func write(
    _ facts: some Encodable, as section: Section, to file: inout SectionWriter
  ) throws(CacheError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let contents: [UInt8]
    do {
      contents = Array(try encoder.encode(facts))
    } catch {
      throw .system("\(section.title) cannot be written: \(error.localizedDescription)")
    }
    try file.add(section, contents)
  }

  /// Reads facts.
  package static func read<Value: Decodable>(
    _ section: Section, from file: inout SectionReader
  ) throws(CacheError) -> Value {
    let contents = try file.next(section)
    guard contents.count <= most, let facts = try? JSONDecoder().decode(Value.self, from: Data(contents)) else {
      throw .impossible(
        section: section.title, fact: "what it says", found: "not readable",
        expected: "the facts of version \(FileSignature.version)")
    }
    return facts
  }
}
