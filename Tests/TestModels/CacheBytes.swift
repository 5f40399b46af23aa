package import KelvinCache
package import KelvinTensors

/// Cache files in memory.
package enum CacheBytes {
  /// What `save` writes, as a whole file.
  package static func save(_ cache: borrowing SequenceCache, policy: String) throws -> [UInt8] {
    let file = Bytes()
    var writer = try SectionWriter { file.all += $0 }
    try cache.save(policy: policy, to: &writer)
    try writer.finish()
    return file.all
  }

  /// Reads a whole file into an empty cache.
  package static func load(
    _ bytes: [UInt8], into cache: inout SequenceCache, policy: String, on processor: Processor
  ) throws(CacheError) {
    var reader = try reader(bytes)
    try cache.load(policy: policy, from: &reader, on: processor)
    try reader.finish()
  }

  /// A reader of a file in memory.
  package static func reader(_ bytes: [UInt8]) throws(CacheError) -> SectionReader {
    let file = Bytes()
    return try SectionReader(length: bytes.count) { count throws(CacheError) in
      defer { file.place += count }
      return Array(bytes[file.place..<file.place + count])
    }
  }

  private final class Bytes {
    var all: [UInt8] = []
    var place = 0
  }

  /// The sections of a file, by the headers that stand before them.
  package static func sections(_ bytes: [UInt8]) -> [(section: Section, contents: [UInt8])] {
    var sections: [(Section, [UInt8])] = []
    var place = 12
    while place < bytes.count {
      let length = bytes[place + 8..<place + 16].reversed().reduce(0) { $0 << 8 | Int($1) }
      if let section = Section(rawValue: String(decoding: bytes[place..<place + 4], as: UTF8.self)) {
        sections.append((section, Array(bytes[place + 16..<place + 16 + length])))
      }
      place += 16 + length
    }
    return sections
  }

  /// A file of these sections, with the checksums that belong to them; a last `end` is written anew.
  package static func file(_ sections: [(section: Section, contents: [UInt8])]) throws -> [UInt8] {
    let file = Bytes()
    var writer = try SectionWriter { file.all += $0 }
    for (section, contents) in sections where section != .end { try writer.add(section, contents) }
    try writer.finish()
    return file.all
  }
}
