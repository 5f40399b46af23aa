package import KelvinTensors

extension MetadataValue {
  /// The value as JSON text, names in alphabetical order; two spaces for each level where `isIndented`.
  ///
  /// Numbers that JSON lacks (infinities, NaN) become `null`.
  package func json(isIndented: Bool = false) -> String {
    var writer = JSONText(isIndented: isIndented)
    writer.write(self, level: 0)
    return writer.text
  }
}

/// Writes JSON (RFC 8259).
private struct JSONText {
  let isIndented: Bool
  var text = ""

  init(isIndented: Bool) { self.isIndented = isIndented }

  mutating func write(_ value: MetadataValue, level: Int) {
    switch value {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += "\(value)"
    case .number(let value): text += value.isFinite ? "\(value)" : "null"
    case .string(let value): write(value)
    case .bools(let values): list(values.map { .bool($0) }, level: level)
    case .integers(let values): list(values.map { .integer($0) }, level: level)
    case .numbers(let values): list(values.map { .number($0) }, level: level)
    case .strings(let values): list(values.map { .string($0) }, level: level)
    case .array(let values): list(values, level: level)
    case .object(let members): object(members, level: level)
    }
  }

  private mutating func list(_ values: [MetadataValue], level: Int) {
    text += "["
    for (index, value) in values.enumerated() {
      if index > 0 { text += isIndented ? ", " : "," }
      write(value, level: level + 1)
    }
    text += "]"
  }

  private mutating func object(_ members: [String: MetadataValue], level: Int) {
    text += "{"
    for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
      if index > 0 { text += "," }
      newLine(level + 1)
      write(member.key)
      text += isIndented ? ": " : ":"
      write(member.value, level: level + 1)
    }
    if !members.isEmpty { newLine(level) }
    text += "}"
  }

  private mutating func newLine(_ level: Int) {
    if isIndented { text += "\n" + String(repeating: "  ", count: level) }
  }

  private mutating func write(_ string: String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
