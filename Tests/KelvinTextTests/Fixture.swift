import Foundation
import KelvinText

/// Reads the files beside the tests.
enum Fixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appending(path: name)))
  }

  static func json(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: bytes(name), format: name)
  }

  static func array(_ value: JSONValue, _ name: String) throws -> [JSONValue] {
    guard let values = value[name]?.array else { throw Missing(name: name) }
    return values
  }

  static func ids(_ value: JSONValue, _ name: String) throws -> [Int32] {
    try array(value, name).compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
  }

  static func string(_ value: JSONValue, _ name: String) throws -> String {
    guard let text = value[name]?.string else { throw Missing(name: name) }
    return text
  }

  struct Missing: Error {
    var name: String
  }

  /// A vocabulary written by `make_vocabularies.py`: pieces that no merge makes, an empty line, merges.
  static func vocabulary(_ name: String, _ rule: PreTokenizer) throws -> Vocabulary {
    let text = String(decoding: try bytes(name + ".vocabulary.txt"), as: UTF8.self)
    var (merges, made) = ([String](), [Int: (Int, String)]())
    var readsMerges = false
    for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      guard !line.isEmpty else {
        readsMerges = true
        continue
      }
      guard !readsMerges else {
        merges.append(String(line) ?? "")
        continue
      }
      let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2).map { String($0) ?? "" }
      made[Int(parts[0]) ?? 0] = (Int(parts[1]) ?? 0, parts[2])
    }
    var (pieces, kinds) = ([String](), [Int]())
    var next = merges.makeIterator()
    for id in 0..<(made.count + merges.count) {
      let joined = made[id] == nil ? next.next()?.split(separator: " ").joined() : nil
      pieces.append(made[id]?.1 ?? joined ?? "")
      kinds.append(made[id]?.0 ?? 1)
    }
    return try Vocabulary(
      model: .byteLevelBPE(rule), pieces: pieces, kinds: Vocabulary.kinds(ggufNumbers: kinds), merges: merges)
  }

  /// SmolLM2's tokenizer, made once for all tests.
  static let smollm2 = Result { try Tokenizer(vocabulary("smollm2", .smollm)) }
}
