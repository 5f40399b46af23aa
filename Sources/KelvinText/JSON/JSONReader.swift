extension JSONValue {
  /// The deepest nesting of arrays and objects that the reader follows.
  public static let depthLimit = 64

  /// Reads one JSON text (RFC 8259); a lone surrogate becomes U+FFFD.
  ///
  /// Errors: `malformedFile` with the byte where reading stopped, also for nesting beyond `depthLimit`, so that a
  /// hostile file costs an error and no stack.
  public init(parsing bytes: [UInt8], format: String = "JSON") throws(TextError) {
    var reader = JSONReader(bytes: bytes, format: format)
    self = try reader.document()
  }
}

/// A recursive-descent reader over bytes.
struct JSONReader {
  let bytes: [UInt8]
  let format: String
  var position = 0

  init(bytes: [UInt8], format: String) {
    self.bytes = bytes
    self.format = format
  }

  mutating func document() throws(TextError) -> JSONValue {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw problem("text after the end of the value") }
    return value
  }

  func problem(_ what: String) -> TextError {
    .malformedFile(format: format, offset: position, problem: what)
  }

  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard current == byte else { return false }
    position += 1
    return true
  }

  mutating func value(depth: Int) throws(TextError) -> JSONValue {
    guard depth <= JSONValue.depthLimit else {
      throw problem("nesting deeper than \(JSONValue.depthLimit) levels")
    }
    skipSpace()
    switch current {
    case nil: throw problem("the text ends where a value is expected")
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .boolean(true))
    case UInt8(ascii: "f"): return try word("false", .boolean(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  mutating func word(_ text: String, _ value: JSONValue) throws(TextError) -> JSONValue {
    let expected = Array(text.utf8)
    guard bytes[position...].starts(with: expected) else { throw problem("expected a value") }
    position += expected.count
    return value
  }

  mutating func object(depth: Int) throws(TextError) -> JSONValue {
    position += 1
    var members: [JSONValue.Member] = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw problem("expected a name in quotes") }
      let name = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw problem("expected ':' after a name") }
      members.append(JSONValue.Member(name, try value(depth: depth + 1)))
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(members) }
      guard take(UInt8(ascii: ",")) else { throw problem("expected ',' or '}' in an object") }
    }
  }

  mutating func array(depth: Int) throws(TextError) -> JSONValue {
    position += 1
    var values: [JSONValue] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array(values) }
    while true {
      values.append(try value(depth: depth + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(values) }
      guard take(UInt8(ascii: ",")) else { throw problem("expected ',' or ']' in an array") }
    }
  }

  mutating func number() throws(TextError) -> JSONValue {
    let start = position
    var isInteger = true
    _ = take(UInt8(ascii: "-"))
    let digits = position
    digitRun()
    guard position > digits, bytes[digits] != UInt8(ascii: "0") || position == digits + 1 else {
      throw problem("expected a value")
    }
    if take(UInt8(ascii: ".")) {
      isInteger = false
      let fraction = position
      digitRun()
      guard position > fraction else { throw problem("expected a digit after '.'") }
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isInteger = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      let exponent = position
      digitRun()
      guard position > exponent else { throw problem("expected a digit in an exponent") }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger, let value = Int(text) { return .integer(value) }
    guard let value = Double(text), value.isFinite else { throw problem("number \(text.prefix(40)) is out of range") }
    return .number(value)
  }

  mutating func digitRun() {
    while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
  }
}
