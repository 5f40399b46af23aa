import KelvinTensors

/// Reads a GGUF file, the format of llama.cpp: one file that holds the facts, the vocabulary and the tensors of a model.
///
/// Everything is little-endian; there is no padding except where noted. Versions 2 and 3 have the same layout.
///
///     file      magic "GGUF", version u32, tensor count u64, key–value count u64,
///               key–values, tensor descriptions, padding to the alignment, tensor data
///     string    length u64, that many bytes of UTF-8, no terminator
///     key–value key string, type u32, value
///     value     by type: 0 u8   1 i8   2 u16   3 i16   4 u32   5 i32   6 f32   7 bool (one byte, 0 or 1)
///                        8 string   9 array: element type u32, count u64, the elements   10 u64   11 i64   12 f64
///     tensor    name string, number of dimensions u32 (1 to 4), dimensions u64 each with the innermost first,
///               type u32, offset u64 of its bytes from the start of the tensor data
///
/// The key `general.alignment` (32 where absent) says what every tensor's offset is a multiple of. What keys and
/// tensors mean depends on `general.architecture` and is no concern of this reader.
///
/// No number in the file is believed: a count is compared with the bytes that are left before anything is reserved or
/// looped over, so a broken file costs no more than its own size.
struct GGUFReader {
  /// More than anything nests; every level costs a stack frame.
  static let arrayDepthLimit = 4
  static let magic: UInt32 = 0x4655_4747  // "GGUF"

  let file: MappedFile
  /// The next byte to read.
  var offset = 0
  /// What is being read, for messages.
  var part = "header"

  private init(_ file: MappedFile) { self.file = file }

  /// What `file` says, its tensors in GGUF style.
  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint {
    var reader = GGUFReader(file)
    let counts = try reader.header()
    let metadata = try reader.metadata(count: counts.metadata)
    if let parts = metadata["split.count"]?.integer, parts > 1 {
      throw .unsupported(
        file: file.name, part: "split.count", found: "one of \(parts) parts of a model",
        supported: ["a single file (merge the parts with llama-gguf-split)"])
    }
    let alignment = try reader.alignment(metadata["general.alignment"])
    let tensors = try reader.tensors(count: counts.tensors, alignment: alignment)
    return Checkpoint(name: file.name, style: .gguf, metadata: metadata, tensors: tensors)
  }

  // MARK: Header

  private mutating func header() throws(CheckpointError) -> (tensors: UInt64, metadata: UInt64) {
    let magic = try take(UInt32.self)
    guard magic == Self.magic else {
      throw .malformed(file: file.name, part: "magic", found: "0x" + String(magic, radix: 16), expected: "'GGUF'")
    }
    let version = try take(UInt32.self)
    guard version == 2 || version == 3 else {
      let found = (2...3).contains(version.byteSwapped) ? "version \(version.byteSwapped), big-endian" : "\(version)"
      throw .unsupported(file: file.name, part: "GGUF version", found: found, supported: ["2", "3"])
    }
    return (try take(UInt64.self), try take(UInt64.self))
  }

  private func alignment(_ value: MetadataValue?) throws(CheckpointError) -> Int {
    guard let value else { return 32 }
    // A mapped page is 4096 bytes or a few times that; nothing is gained by aligning to more.
    guard case .integer(let alignment) = value, (8...65_536).contains(alignment), alignment.nonzeroBitCount == 1 else {
      throw .malformed(
        file: file.name, part: "general.alignment", found: value.brief, expected: "a power of two from 8 to 65536")
    }
    return alignment
  }

  // MARK: Key–values

  private mutating func metadata(count: UInt64) throws(CheckpointError) -> [String: MetadataValue] {
    part = "key–values"
    // The shortest: an empty key, a type, one byte.
    let count = try self.count(count, elementBytes: 13)
    var metadata: [String: MetadataValue] = [:]
    for index in 0..<count {
      part = "key \(index)"
      let key = try text()
      part = "value of \(key.quoted)"
      let type = try take(UInt32.self)
      let value = try value(type: type)
      guard metadata.updateValue(value, forKey: key) == nil else {
        throw .duplicate(file: file.name, part: "key", name: key)
      }
    }
    return metadata
  }

  private mutating func value(type: UInt32) throws(CheckpointError) -> MetadataValue {
    switch type {
    case 0: return .integer(Int(try take(UInt8.self)))
    case 1: return .integer(Int(try take(Int8.self)))
    case 2: return .integer(Int(try take(UInt16.self)))
    case 3: return .integer(Int(try take(Int16.self)))
    case 4: return .integer(Int(try take(UInt32.self)))
    case 5: return .integer(Int(try take(Int32.self)))
    case 6: return .number(Double(Float(bitPattern: try take(UInt32.self))))
    case 7: return .bool(try bool())
    case 8: return .string(try text())
    case 9: return try array(depth: 1)
    case 10:
      let value = try take(UInt64.self)
      return Int(exactly: value).map { .integer($0) } ?? .number(Double(value))
    case 11: return .integer(Int(try take(Int64.self)))
    case 12: return .number(Double(bitPattern: try take(UInt64.self)))
    default: throw .malformed(file: file.name, part: part, found: "type \(type)", expected: "a type from 0 to 12")
    }
  }

  private mutating func array(depth: Int) throws(CheckpointError) -> MetadataValue {
    guard depth <= Self.arrayDepthLimit else {
      throw .malformed(
        file: file.name, part: part, found: "deeper nested arrays", expected: "at most \(Self.arrayDepthLimit) levels")
    }
    let type = try take(UInt32.self)
    let claimed = try take(UInt64.self)
    switch type {
    case 8: return .strings(try elements(claimed, bytes: 8) { (reader) throws(CheckpointError) in try reader.text() })
    case 7: return .bools(try elements(claimed, bytes: 1) { (reader) throws(CheckpointError) in try reader.bool() })
    case 9:
      return .array(
        try elements(claimed, bytes: 12) { (reader) throws(CheckpointError) in try reader.array(depth: depth + 1) })
    case 6, 12:
      let bytes = type == 6 ? 4 : 8
      return .numbers(
        try elements(claimed, bytes: bytes) { (reader) throws(CheckpointError) in
          try reader.value(type: type).number ?? .nan
        })
    default:
      let bytes: [UInt32: Int] = [0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 10: 8, 11: 8]
      let values = try elements(claimed, bytes: bytes[type] ?? 1) { (reader) throws(CheckpointError) in
        try reader.value(type: type)
      }
      let integers = values.compactMap(\.integer)
      return integers.count == values.count ? .integers(integers) : .numbers(values.compactMap(\.number))
    }
  }

  private mutating func elements<Element>(
    _ claimed: UInt64, bytes: Int, _ read: (inout GGUFReader) throws(CheckpointError) -> Element
  ) throws(CheckpointError) -> [Element] {
    let count = try count(claimed, elementBytes: bytes)
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for _ in 0..<count { elements.append(try read(&self)) }
    return elements
  }

  // MARK: Bytes

  private mutating func bool() throws(CheckpointError) -> Bool {
    let byte = try take(UInt8.self)
    guard byte < 2 else { throw .malformed(file: file.name, part: part, found: "\(byte)", expected: "0 or 1") }
    return byte == 1
  }

  mutating func take<Integer: FixedWidthInteger>(_ type: Integer.Type) throws(CheckpointError) -> Integer {
    guard let value = file.integer(type, at: offset) else {
      throw .endsEarly(
        file: file.name, part: part, needed: UInt64(MemoryLayout<Integer>.size), available: file.count - offset)
    }
    offset += MemoryLayout<Integer>.size
    return value
  }

  mutating func text() throws(CheckpointError) -> String {
    let claimed = try take(UInt64.self)
    let length = try count(claimed, elementBytes: 1)
    guard let text = file.text(offset..<offset + length) else {
      throw .malformed(
        file: file.name, part: part, found: "a string at byte \(offset) that is not UTF-8", expected: "UTF-8")
    }
    offset += length
    return text
  }

  /// `claimed` as an `Int`, if that many elements of at least `elementBytes` each can still come.
  func count(_ claimed: UInt64, elementBytes: Int) throws(CheckpointError) -> Int {
    let available = file.count - offset
    guard let count = Int(exactly: claimed), count <= available / elementBytes else {
      let (needed, overflow) = claimed.multipliedReportingOverflow(by: UInt64(elementBytes))
      throw .endsEarly(file: file.name, part: part, needed: overflow ? .max : needed, available: available)
    }
    return count
  }
}
