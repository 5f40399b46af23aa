extension TemplateRenderer {
  /// `value|name(arguments)`.
  func filter(_ name: String, _ value: TemplateValue, _ call: TemplateCall) throws(TextError) -> TemplateValue {
    switch name {
    case "safe": return value
    case "tojson": return try json(value, call)
    case "default", "d":
      let replaces = value.isUndefined || (call.argument(1, "boolean")?.isTrue ?? false) && !value.isTrue
      return replaces ? call.argument(0, "default_value") ?? .string("") : value
    case "length", "count": return .integer(try length(of: value))
    case "int", "float", "abs", "round": return try numberFilter(name, value, call)
    case "items":
      guard !value.isUndefined else { return .list(TemplateList([])) }
      guard case .dictionary(let dictionary) = value else { throw failure("items of \(value.typeName)") }
      return .list(pairs(dictionary))
    default:
      if let text = try textFilter(name, value, call) { return .string(text) }
      if let result = try listFilter(name, value, call) { return result }
      throw failure("there is no filter '\(name)'")
    }
  }

  private func length(of value: TemplateValue) throws(TextError) -> Int {
    switch value {
    case .undefined: return 0
    case .string(let text): return try scalars(of: text).count
    case .list(let list): return list.members.count
    case .dictionary(let dictionary): return dictionary.entries.count
    default: throw failure("\(value.typeName) has no length")
    }
  }

  private func textFilter(
    _ name: String, _ value: TemplateValue, _ call: TemplateCall
  ) throws(TextError) -> String? {
    guard ["string", "trim", "upper", "lower", "capitalize", "title", "replace", "indent"].contains(name) else {
      return nil
    }
    let text = try text(of: value)
    let scalars = try scalars(of: text)
    switch name {
    case "trim":
      let set = call.argument(0, "chars")?.string.map { Array($0.unicodeScalars) }
      return Self.text(ScalarSearch.trimmed(scalars, of: set))
    case "upper": return text.uppercased()
    case "lower": return text.lowercased()
    case "capitalize": return Self.capitalised(scalars)
    case "title": return Self.titled(scalars) { ScalarSearch.isSpace($0) || "-({[<".unicodeScalars.contains($0) }
    case "replace": return try replaced(scalars, call)
    case "indent": return try indented(scalars, call)
    default: return text
    }
  }

  private func indented(_ text: [Unicode.Scalar], _ call: TemplateCall) throws(TextError) -> String {
    let width = call.argument(0, "width") ?? .integer(4)
    let margin = width.string ?? String(repeating: " ", count: min(max(width.integer ?? 4, 0), 1024))
    let (first, blank) = (call.argument(1, "first")?.isTrue ?? false, call.argument(2, "blank")?.isTrue ?? false)
    var lines: [TemplateValue] = []
    for (index, line) in ScalarSearch.lines(text + ["\n"]).enumerated() {
      let isIndented = index == 0 ? first : blank || !line.isEmpty
      lines.append(.string((isIndented ? margin : "") + Self.text(line)))
    }
    return try join(lines, "\n")
  }

  private func numberFilter(
    _ name: String, _ value: TemplateValue, _ call: TemplateCall
  ) throws(TextError) -> TemplateValue {
    switch name {
    case "int":
      if let integer = value.integer { return .integer(integer) }
      if let integer = value.string.flatMap({ Int(Self.trimmed($0)) }) { return .integer(integer) }
      let number = value.number ?? value.string.flatMap { Double(Self.trimmed($0)) }
      return number.flatMap { Int(exactly: $0.rounded(.towardZero)) }.map { .integer($0) }
        ?? call.argument(0, "default") ?? .integer(0)
    case "float":
      let number = value.number ?? value.string.flatMap { Double(Self.trimmed($0)) }
      return number.map { .float($0) } ?? call.argument(0, "default") ?? .float(0)
    case "abs":
      if let integer = value.integer { return integer < 0 ? try negative(value) : .integer(integer) }
      guard let number = value.number else { throw failure("abs of \(value.typeName)") }
      return .float(number.magnitude)
    default:
      guard let number = value.number else { throw failure("round of \(value.typeName)") }
      return .float(Self.rounded(number, call))
    }
  }

  private static func trimmed(_ text: String) -> String {
    self.text(ScalarSearch.trimmed(Array(text.unicodeScalars), of: nil))
  }

  private static func rounded(_ number: Double, _ call: TemplateCall) -> Double {
    let rule: FloatingPointRoundingRule =
      switch call.argument(1, "method")?.string {
      case "ceil": .up
      case "floor": .down
      default: .toNearestOrEven
      }
    var scale = 1.0
    for _ in 0..<min(max(call.argument(0, "precision")?.integer ?? 0, 0), 15) { scale *= 10 }
    let scaled = (number * scale).rounded(rule) / scale
    return scaled.isFinite ? scaled : number
  }
}
