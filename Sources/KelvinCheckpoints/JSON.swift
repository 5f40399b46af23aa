package import KelvinTensors

/// A strict JSON reader (RFC 8259) for text that strangers wrote.
///
/// It refuses what a lenient reader would let through and a model would trip over later: names that occur twice, bare
/// `NaN` and `Infinity`, numbers too large for a `Double`, text that is not UTF-8, escapes of half a surrogate pair, and
/// nesting deeper than `depthLimit`, which would otherwise cost the stack.
package struct JSON {
  /// Why the text was refused.
  package struct Failure: Error {
    /// Bytes from the start of the text.
    package var offset: Int
    package var found: String
    package var expected: String
  }

  /// Deeper than any configuration; the reader uses one stack frame per level.
  package static let depthLimit = 64

  private let bytes: [UInt8]
  private var offset = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The value that `bytes` spell, with nothing but white space around it.
  package static func parse(_ bytes: [UInt8]) throws(Failure) -> MetadataValue {
    var reader = JSON(bytes)
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.offset == bytes.count else { throw reader.failure("the end of the text") }
    return value
  }

  // MARK: Values

  private mutating func value(depth: Int) throws(Failure) -> MetadataValue {
    guard depth < Self.depthLimit else {
      throw Failure(offset: offset, found: "deeper nesting", expected: "at most \(Self.depthLimit) levels")
    }
    skipSpace()
    switch current {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return MetadataValue(elements: try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"): return try number()
    default:
      guard isDigit(offset) else { throw failure("a value") }
      return try number()
    }
  }

  private mutating func object(depth: Int) throws(Failure) -> [String: MetadataValue] {
    var members: [String: MetadataValue] = [:]
    offset += 1
    skipSpace()
    if take("}") { return members }
    repeat {
      skipSpace()
      let start = offset
      guard current == UInt8(ascii: "\"") else { throw failure("a name") }
      let name = try string()
      skipSpace()
      guard take(":") else { throw failure("':'") }
      let value = try value(depth: depth + 1)
      guard members.updateValue(value, forKey: name) == nil else {
        throw Failure(offset: start, found: "the name \(name.quoted) a second time", expected: "every name once")
      }
      skipSpace()
    } while take(",")
    guard take("}") else { throw failure("',' or '}'") }
    return members
  }

  private mutating func array(depth: Int) throws(Failure) -> [MetadataValue] {
    var elements: [MetadataValue] = []
    offset += 1
    skipSpace()
    if take("]") { return elements }
    repeat {
      elements.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw failure("',' or ']'") }
    return elements
  }

  private mutating func word(_ word: String, _ value: MetadataValue) throws(Failure) -> MetadataValue {
    guard bytes[offset...].starts(with: word.utf8) else { throw failure("a value") }
    offset += word.utf8.count
    return value
  }

  /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`: an integer where it is written as one and fits.
  private mutating func number() throws(Failure) -> MetadataValue {
    let start = offset
    _ = take("-")
    if current == UInt8(ascii: "0"), isDigit(offset + 1) {
      throw Failure(offset: start, found: "a number with a leading zero", expected: "a number")
    }
    guard skipDigits() else { throw failure("a digit") }
    var isInteger = true
    if take(".") {
      isInteger = false
      guard skipDigits() else { throw failure("a digit") }
    }
    if take("e") || take("E") {
      isInteger = false
      _ = take("+") || take("-")
      guard skipDigits() else { throw failure("a digit") }
    }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    if isInteger, let integer = Int(text) { return .integer(integer) }
    guard let number = Double(text), number.isFinite else {
      throw Failure(offset: start, found: "the number \(text.quoted)", expected: "a number that fits 64 bits")
    }
    return .number(number)
  }

  // MARK: Strings

  private mutating func string() throws(Failure) -> String {
    let start = offset
    var content: [UInt8] = []
    offset += 1
    while let byte = current, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw failure("no control character inside a string") }
      if byte == UInt8(ascii: "\\") {
        content.append(contentsOf: String(try escape()).utf8)
      } else {
        content.append(byte)
        offset += 1
      }
    }
    guard take("\"") else { throw failure("'\"'") }
    guard let text = String(validating: content, as: UTF8.self) else {
      throw Failure(offset: start, found: "bytes that are not UTF-8", expected: "UTF-8 text")
    }
    return text
  }

  private mutating func escape() throws(Failure) -> Unicode.Scalar {
    offset += 1
    guard let letter = current else { throw failure("an escape") }
    offset += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try unicodeEscape()
    default:
      offset -= 1
      throw failure("one of the escapes \" \\ / b f n r t u")
    }
  }

  /// What follows `\u`: four hexadecimal digits, or a surrogate pair's two escapes.
  private mutating func unicodeEscape() throws(Failure) -> Unicode.Scalar {
    let start = offset
    var code = try fourDigits()
    if 0xD800..<0xDC00 ~= code, take("\\"), take("u") {
      let low = try fourDigits()
      if 0xDC00..<0xE000 ~= low { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
    }
    guard let scalar = Unicode.Scalar(code) else {
      throw Failure(offset: start, found: "half a surrogate pair", expected: "a whole one")
    }
    return scalar
  }

  private mutating func fourDigits() throws(Failure) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("a hexadecimal digit")
      }
      code = code << 4 | UInt32(digit)
      offset += 1
    }
    return code
  }

  // MARK: Bytes

  private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private func isDigit(_ place: Int) -> Bool {
    bytes.indices.contains(place) && UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[place]
  }

  /// Skips digits; whether there was one.
  private mutating func skipDigits() -> Bool {
    let start = offset
    while isDigit(offset) { offset += 1 }
    return offset > start
  }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset += 1 }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: scalar) else { return false }
    offset += 1
    return true
  }

  private func failure(_ expected: String) -> Failure {
    let found = current.map { byte in
      byte < 0x80 ? String(Unicode.Scalar(byte)).quoted : "byte 0x" + String(byte, radix: 16)
    }
    return Failure(offset: offset, found: found ?? "the end of the text", expected: expected)
  }
}

extension MetadataValue {
  /// An array of values in its tightest form: `[1, 2]` is `integers`, `[1, 2.5]` is `numbers`, a mixture is `array`.
  init(elements: [MetadataValue]) {
    func all<Element>(_ read: (MetadataValue) -> Element?) -> [Element]? {
      let values = elements.compactMap(read)
      return values.count == elements.count ? values : nil
    }
    if elements.isEmpty {
      self = .array([])
    } else if let values = all({ if case .integer(let value) = $0 { value } else { nil } }) {
      self = .integers(values)
    } else if let values = all(\.number) {
      self = .numbers(values)
    } else if let values = all(\.string) {
      self = .strings(values)
    } else if let values = all(\.bool) {
      self = .bools(values)
    } else {
      self = .array(elements)
    }
  }
}
