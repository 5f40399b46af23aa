/// The parts of a cache file, in the order of their first appearance; `docs/cache-file.md` describes each.
package enum Section: String {
  case session = "SESS"
  case tokens = "TOKS"
  case logits = "LGTS"
  case cache = "CACH"
  case store = "STOR"
  case ledger = "LEDG"
  case page = "PAGE"
  case segment = "SEGM"
  case state = "STAT"
  case statistics = "QUER"
  case end = "DONE"

  /// What the section is, for messages.
  var title: String {
    switch self {
    case .session: "the session's header"
    case .tokens: "the tokens"
    case .logits: "the logits"
    case .cache: "the cache's header"
    case .store: "a store's header"
    case .ledger: "a head's ledger"
    case .page: "a page"
    case .segment: "an open segment"
    case .state: "a state"
    case .statistics: "the statistics of queries"
    case .end: "the end mark"
    }
  }
}

/// What every cache file begins with: eight bytes that are no text, then the version.
enum FileSignature {
  static let version: UInt32 = 2
  static let magic: [UInt8] = [0x89] + Array("KELVIN".utf8) + [0x0A]
  static let bytes = magic + version.littleEndianBytes
  /// Bytes before the contents of a section: name, checksum, length.
  static let sectionHeader = 16
}

extension FixedWidthInteger {
  /// The bytes, the lowest first.
  var littleEndianBytes: [UInt8] {
    stride(from: 0, to: Self.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: self >> Self($0)) }
  }

  /// The number that `bytes` are, the lowest first.
  init(littleEndian bytes: ArraySlice<UInt8>) {
    self = bytes.reversed().reduce(0) { $0 << 8 | Self($1) }
  }
}

/// Writes a cache file section by section, each with its checksum.
package struct SectionWriter {
  private let write: ([UInt8]) throws(CacheError) -> Void
  private var number: UInt32 = 0
  private var all = Checksum()

  /// Begins a file; `write` takes its bytes in order.
  package init(_ write: @escaping ([UInt8]) throws(CacheError) -> Void) throws(CacheError) {
    self.write = write
    try write(FileSignature.bytes)
  }

  /// Writes one section.
  package mutating func add(_ section: Section, _ contents: [UInt8]) throws(CacheError) {
    let head = Array(section.rawValue.utf8)
    let length = UInt64(contents.count).littleEndianBytes
    var checksum = Checksum()
    checksum.add(number.littleEndianBytes + head + length)
    checksum.add(contents)
    let sum = checksum.value.littleEndianBytes
    all.add(sum)
    number += 1
    try write(head + sum + length + contents)
  }

  /// Writes a section of 32-bit words.
  package mutating func add(_ section: Section, words: [UInt32]) throws(CacheError) {
    try add(section, words.flatMap(\.littleEndianBytes))
  }

  /// Writes the end mark.
  package mutating func finish() throws(CacheError) { try add(.end, all.value.littleEndianBytes) }
}

/// Reads a cache file section by section; a section comes out whole and with the right checksum, or not at all.
package struct SectionReader {
  private let read: (Int) throws(CacheError) -> [UInt8]
  private var left: Int
  private var number: UInt32 = 0
  private var all = Checksum()

  /// Begins with a file of `length` bytes; `read` gives the next so many of them.
  package init(length: Int, _ read: @escaping (Int) throws(CacheError) -> [UInt8]) throws(CacheError) {
    self.read = read
    left = length
    guard length >= FileSignature.bytes.count else { throw .notACache }
    let signature = try take(FileSignature.bytes.count, of: "the signature")
    guard signature.starts(with: FileSignature.magic) else { throw .notACache }
    let version = UInt32(littleEndian: signature.dropFirst(FileSignature.magic.count))
    guard version == FileSignature.version else {
      throw .unknownVersion(Int(version), supported: Int(FileSignature.version))
    }
  }

  /// The contents of the next section.
  /// - Parameter length: how many bytes they must be; `nil`: any number that the file has.
  package mutating func next(_ section: Section, length: Int? = nil) throws(CacheError) -> [UInt8] {
    let header = try take(FileSignature.sectionHeader, of: section.title)
    let name = header.prefix(4)
    guard name.elementsEqual(section.rawValue.utf8) else {
      let found = name.allSatisfy { (0x41...0x5A).contains($0) } ? String(decoding: name, as: UTF8.self) : "no name"
      throw .unexpectedSection(number: Int(number), found: found, expected: section.rawValue)
    }
    let stated = UInt64(littleEndian: header[8...])
    guard let count = Int(exactly: stated), count == length ?? count else {
      throw .impossible(
        section: section.title, fact: "the length", found: "\(stated)", expected: length.map { "\($0)" } ?? "less")
    }
    let contents = try take(count, of: section.title)
    var checksum = Checksum()
    checksum.add(number.littleEndianBytes + name + header[8...])
    checksum.add(contents)
    guard UInt32(littleEndian: header[4..<8]) == checksum.value else {
      throw .damaged(section: section.title, number: Int(number))
    }
    number += 1
    if section != .end { all.add(checksum.value.littleEndianBytes) }
    return contents
  }

  /// The contents of the next section as 32-bit words.
  package mutating func words(_ section: Section, count: Int? = nil) throws(CacheError) -> [UInt32] {
    let bytes = try next(section, length: count.map { $0 * 4 })
    guard bytes.count.isMultiple(of: 4) else {
      throw .impossible(
        section: section.title, fact: "the length", found: "\(bytes.count)", expected: "a multiple of 4")
    }
    return stride(from: 0, to: bytes.count, by: 4).map { UInt32(littleEndian: bytes[$0..<$0 + 4]) }
  }

  /// The contents of the next section as finite numbers.
  mutating func numbers(_ section: Section, count: Int? = nil) throws(CacheError) -> [Float] {
    let numbers = try words(section, count: count).map { Float(bitPattern: $0) }
    if let odd = numbers.first(where: { !$0.isFinite }) {
      throw .impossible(section: section.title, fact: "a number", found: "\(odd)", expected: "a finite one")
    }
    return numbers
  }

  /// Reads the end mark, after which nothing may follow.
  package mutating func finish() throws(CacheError) {
    let mark = try next(.end, length: 4)
    guard UInt32(littleEndian: mark[...]) == all.value else { throw .damaged(section: "the whole file", number: 0) }
    guard left == 0 else { throw .trailingBytes(left) }
  }

  private mutating func take(_ count: Int, of section: String) throws(CacheError) -> [UInt8] {
    guard count <= left else { throw .cutShort(section: section, needed: count, left: left) }
    let bytes = try read(count)
    guard bytes.count == count else { throw .cutShort(section: section, needed: count, left: bytes.count) }
    left -= count
    return bytes
  }
}
