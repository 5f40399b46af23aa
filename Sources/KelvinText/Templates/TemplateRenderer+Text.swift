extension TemplateRenderer {
  /// Stops a text that grows while nested values are written; the values are charged one by one.
  private func checkLength(of text: String) throws(TextError) {
    guard text.utf8.count > Self.byteLimit else { return }
    throw .templateLimit(line: line, limited: .bytes, allowed: Self.byteLimit)
  }

  /// A value as Python's `str` writes it.
  func text(of value: TemplateValue) throws(TextError) -> String {
    switch value {
    case .undefined: return ""
    case .string(let text): return text
    default:
      var text = ""
      try write(value, to: &text)
      return text
    }
  }

  /// A value as Python's `repr` writes it.
  private func write(_ value: TemplateValue, to text: inout String) throws(TextError) {
    try deeper()
    defer { shallower() }
    try charge()
    switch value {
    case .undefined: text += "Undefined"
    case .none: text += "None"
    case .boolean(let value): text += value ? "True" : "False"
    case .integer(let value): text += String(value)
    case .float(let value): text += "\(value)"
    case .string(let string):
      try charge(string.utf8.count)
      text += Self.quoted(string)
    case .list(let list):
      text += list.isTuple ? "(" : "["
      for (index, member) in list.members.enumerated() {
        if index > 0 { text += ", " }
        try write(member, to: &text)
      }
      text += list.isTuple ? (list.members.count == 1 ? ",)" : ")") : "]"
    case .dictionary(let dictionary):
      text += "{"
      for (index, entry) in dictionary.entries.enumerated() {
        if index > 0 { text += ", " }
        try write(entry.key, to: &text)
        text += ": "
        try write(entry.value, to: &text)
      }
      text += "}"
    case .namespace: text += "<namespace>"
    case .macro(let macro, _): text += "<macro \(macro.name)>"
    case .function(let name): text += "<function \(name)>"
    }
    try checkLength(of: text)
  }

  /// A string in Python's quotes: single ones unless it has those and no double ones.
  private static func quoted(_ string: String) -> String {
    let scalars = string.unicodeScalars
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    var text = String(quote)
    for scalar in scalars {
      switch scalar {
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case quote: text += "\\\(quote)"
      default:
        if scalar.value < 0x20 || (0x7F...0xA0).contains(scalar.value) || scalar.value == 0xAD {
          let digits = String(scalar.value, radix: 16)
          text += "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits
        } else {
          text.unicodeScalars.append(scalar)
        }
      }
    }
    return text + String(quote)
  }
}

/// How `tojson` lays out its text.
struct TemplateJSONLayout {
  var indent: Int?
  var itemSeparator: String
  var nameSeparator = ": "
  var sortsKeys = false
}

extension TemplateRenderer {
  /// The filter `tojson`: Python's `json.dumps` with every character as itself.
  func json(_ value: TemplateValue, _ call: TemplateCall) throws(TextError) -> TemplateValue {
    let indent = call.argument(1, "indent")?.integer
    var layout = TemplateJSONLayout(
      indent: indent.map { min(max($0, 0), 64) }, itemSeparator: indent == nil ? ", " : ",")
    if case .list(let separators)? = call.named["separators"], separators.members.count == 2 {
      layout.itemSeparator = separators.members[0].string ?? layout.itemSeparator
      layout.nameSeparator = separators.members[1].string ?? layout.nameSeparator
    }
    layout.sortsKeys = call.named["sort_keys"]?.isTrue ?? false
    var text = ""
    try writeJSON(value, layout, level: 0, to: &text)
    return .string(text)
  }

  private func writeJSON(
    _ value: TemplateValue, _ layout: TemplateJSONLayout, level: Int, to text: inout String
  ) throws(TextError) {
    try deeper()
    defer { shallower() }
    try charge()
    switch value {
    case .none: text += "null"
    case .boolean(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .float(let value):
      text += value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : "\(value)"
    case .string(let string):
      try charge(string.utf8.count)
      text += Self.jsonQuoted(string)
    case .list(let list):
      text += "["
      for (index, member) in list.members.enumerated() {
        startMember(index, layout, level, &text)
        try writeJSON(member, layout, level: level + 1, to: &text)
      }
      endMembers(list.members.count, layout, level, &text)
      text += "]"
    case .dictionary(let dictionary):
      text += "{"
      for (index, entry) in try entries(dictionary, layout).enumerated() {
        startMember(index, layout, level, &text)
        text += Self.jsonQuoted(try self.text(of: entry.key)) + layout.nameSeparator
        try writeJSON(entry.value, layout, level: level + 1, to: &text)
      }
      endMembers(dictionary.entries.count, layout, level, &text)
      text += "}"
    default: throw failure("\(value.typeName) has no JSON form")
    }
    try checkLength(of: text)
  }

  private func entries(
    _ dictionary: TemplateDictionary, _ layout: TemplateJSONLayout
  ) throws(TextError) -> [(key: TemplateValue, value: TemplateValue)] {
    guard layout.sortsKeys else { return dictionary.entries }
    return try sorted(dictionary.entries) { (entry) throws(TextError) in entry.key }
  }

  private func startMember(_ index: Int, _ layout: TemplateJSONLayout, _ level: Int, _ text: inout String) {
    if index > 0 { text += layout.itemSeparator }
    if let indent = layout.indent { text += "\n" + String(repeating: " ", count: indent * (level + 1)) }
  }

  private func endMembers(_ count: Int, _ layout: TemplateJSONLayout, _ level: Int, _ text: inout String) {
    if count > 0, let indent = layout.indent { text += "\n" + String(repeating: " ", count: indent * level) }
  }

  private static func jsonQuoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{8}": text += "\\b"
      case "\u{C}": text += "\\f"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        } else {
          text.unicodeScalars.append(scalar)
        }
      }
    }
    return text + "\""
  }
}
