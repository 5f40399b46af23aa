import Foundation
import KelvinAttention
import KelvinCache

/// What a session's file says before its cache.
struct SessionHeader: Codable {
  /// The model that the cache belongs to.
  var model: ModelFingerprint
  /// The conversation that the session is about; `nil` where it is about none.
  var conversation: SavedConversation?
}

/// A conversation in a session's file.
struct SavedConversation: Codable {
  /// What one side said.
  struct Message: Codable {
    var role, content: String
  }
  var messages: [Message]
  var system: String?
  /// The text that the session has read or written.
  var read: String
}

extension SectionWriter {
  /// Writes the tokens that a session has read.
  mutating func add(tokens: [Int32]) throws(CacheError) {
    try add(.tokens, words: tokens.map { UInt32(bitPattern: $0) })
  }

  /// Writes the logits after the last token; none where they are not known.
  mutating func add(logits: [Float]) throws(CacheError) { try add(.logits, words: logits.map(\.bitPattern)) }
}

extension SectionReader {
  /// The tokens that a session has read, each in `0..<vocabulary`.
  mutating func tokens(vocabulary: Int) throws(CacheError) -> [Int32] {
    let tokens = try words(.tokens).map { Int32(bitPattern: $0) }
    if let outside = tokens.first(where: { $0 < 0 || $0 >= vocabulary }) {
      throw .impossible(section: "the tokens", fact: "a token", found: "\(outside)", expected: "0 to \(vocabulary - 1)")
    }
    return tokens
  }

  /// The logits after the last token: none, or one for each token of the vocabulary.
  mutating func logits(vocabulary: Int) throws(CacheError) -> [Float] {
    let logits = try words(.logits).map { Float(bitPattern: $0) }
    guard logits.isEmpty || logits.count == vocabulary else {
      throw .impossible(
        section: "the logits", fact: "their number", found: "\(logits.count)", expected: "0 or \(vocabulary)")
    }
    guard !logits.contains(where: \.isNaN) else {
      throw .impossible(section: "the logits", fact: "one of them", found: "not a number", expected: "a number")
    }
    return logits
  }
}

/// Files of sessions on disk.
enum SessionFile {
  /// Writes a whole file or none: under another name in the same folder, which takes the place of the old file at the end.
  ///
  /// Only the owner may read it. A device or pipe is written to, not replaced.
  static func write(
    to path: String, _ body: (inout SectionWriter) throws(CacheError) -> Void
  ) throws(EngineError) {
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath()
    let kind = try? FileManager.default.attributesOfItem(atPath: target.path)[.type] as? FileAttributeType
    guard kind == nil || kind == .typeRegular else { return try fill(target, shownAs: path, body) }
    let name = ".\(target.lastPathComponent).\(UUID().uuidString).partial"
    let partial = target.deletingLastPathComponent().appendingPathComponent(name)
    guard FileManager.default.createFile(atPath: partial.path, contents: nil, attributes: [.posixPermissions: 0o600])
    else { throw .unwritableCache(file: path, reason: "no file can be made in its folder") }
    do throws(EngineError) {
      try fill(partial, shownAs: path, body)
      guard rename(partial.path, target.path) == 0 else {
        throw .unwritableCache(file: path, reason: String(cString: strerror(errno)))
      }
    } catch {
      try? FileManager.default.removeItem(at: partial)
      throw error
    }
  }

  private static func fill(
    _ file: URL, shownAs path: String, _ body: (inout SectionWriter) throws(CacheError) -> Void
  ) throws(EngineError) {
    do {
      let output = try BufferedOutput(file)
      var sections = try SectionWriter { bytes throws(CacheError) in try output.write(bytes) }
      try body(&sections)
      try sections.finish()
      try output.close()
    } catch {
      throw .unwritableCache(file: path, reason: error.description)
    }
  }

  /// Reads a file; nothing of it is used unless all of it is sound.
  static func read(
    from path: String, _ body: (inout SectionReader) throws(CacheError) -> SavedConversation?
  ) throws(EngineError) -> SavedConversation? {
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath()
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: target.path) else {
      throw .unreadableCache(file: path, reason: "the file cannot be read; check the path", isMissing: true)
    }
    guard attributes[.type] as? FileAttributeType == .typeRegular, let size = attributes[.size] as? Int,
      let handle = FileHandle(forReadingAtPath: path)
    else { throw .unreadableCache(file: path, reason: "this is no file that can be read", isMissing: false) }
    do {
      var sections = try SectionReader(length: size) { count throws(CacheError) in
        do {
          return Array(try handle.read(upToCount: count) ?? Data())
        } catch {
          throw .system("the file cannot be read: \(error.localizedDescription)")
        }
      }
      return try body(&sections)
    } catch .memory(let error) {
      throw .memory(error.description)
    } catch {
      throw .unreadableCache(file: path, reason: error.description, isMissing: false)
    }
  }
}

/// A file that takes bytes in large pieces.
private final class BufferedOutput {
  private static let piece = 1 << 20
  private let handle: FileHandle
  private var waiting = Data()

  init(_ file: URL) throws(CacheError) {
    do {
      handle = try FileHandle(forWritingTo: file)
    } catch {
      throw .system(error.localizedDescription)
    }
  }

  func write(_ bytes: [UInt8]) throws(CacheError) {
    waiting += bytes
    if waiting.count >= Self.piece { try flush() }
  }

  /// Makes sure that everything is on the disk.
  func close() throws(CacheError) {
    try flush()
    // Devices and pipes cannot be synchronised.
    try? handle.synchronize()
    do {
      try handle.close()
    } catch {
      throw .system(error.localizedDescription)
    }
  }

  private func flush() throws(CacheError) {
    do {
      try handle.write(contentsOf: waiting)
    } catch {
      throw .system(error.localizedDescription)
    }
    waiting.removeAll(keepingCapacity: true)
  }
}
