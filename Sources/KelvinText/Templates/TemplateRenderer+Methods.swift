extension TemplateRenderer {
  func method(_ name: String, of object: TemplateValue, _ call: TemplateCall) throws(TextError) -> TemplateValue {
    switch object {
    case .undefined(let missing): throw failure("'\(missing)' is undefined, so '\(name)' of it cannot be called")
    case .string(let text):
      if let result = try stringMethod(name, text, call) { return result }
    case .dictionary(let dictionary):
      if let result = try dictionaryMethod(name, dictionary, call) { return result }
    case .list(let list):
      if let result = try listMethod(name, list, call) { return result }
    default: break
    }
    throw failure("\(object.typeName) has no method '\(name)'")
  }

  private func dictionaryMethod(
    _ name: String, _ dictionary: TemplateDictionary, _ call: TemplateCall
  ) throws(TextError) -> TemplateValue? {
    try charge(name == "get" ? 0 : dictionary.entries.count)
    switch name {
    case "get": return dictionary[call.argument(0, "key") ?? .none] ?? call.argument(1, "default") ?? TemplateValue.none
    case "keys": return .list(TemplateList(dictionary.entries.map(\.key)))
    case "values": return .list(TemplateList(dictionary.entries.map(\.value)))
    case "items": return .list(pairs(dictionary))
    default: return nil
    }
  }

  func pairs(_ dictionary: TemplateDictionary) -> TemplateList {
    TemplateList(dictionary.entries.map { .list(TemplateList([$0.key, $0.value], isTuple: true)) })
  }

  private func listMethod(
    _ name: String, _ list: TemplateList, _ call: TemplateCall
  ) throws(TextError) -> TemplateValue? {
    switch name {
    case "append":
      guard let member = call.positional.first else { throw failure("append needs a value") }
      guard list.members.count < Self.memberLimit else {
        throw .templateLimit(line: line, limited: .members, allowed: Self.memberLimit)
      }
      list.members.append(member)
      return TemplateValue.none
    case "count", "index":
      guard let wanted = call.positional.first else { throw failure("\(name) needs a value") }
      var places: [Int] = []
      for (index, member) in list.members.enumerated() where try areEqual(member, wanted) { places.append(index) }
      if name == "count" { return .integer(places.count) }
      guard let first = places.first else { throw failure("index: the value is not in the list") }
      return .integer(first)
    default: return nil
    }
  }

  private func stringMethod(
    _ name: String, _ text: String, _ call: TemplateCall
  ) throws(TextError) -> TemplateValue? {
    let scalars = try scalars(of: text)
    let argument = call.positional.first
    switch name {
    case "strip", "lstrip", "rstrip":
      let set = argument?.string.map { Array($0.unicodeScalars) }
      return .string(
        Self.text(ScalarSearch.trimmed(scalars, of: set, start: name != "rstrip", end: name != "lstrip")))
    case "startswith", "endswith":
      let affixes = try affixes(argument)
      return .boolean(affixes.contains { name == "startswith" ? scalars.starts(with: $0) : Self.ends(scalars, $0) })
    case "removeprefix", "removesuffix":
      let affix = try affixes(argument)[0]
      if name == "removeprefix" {
        return .string(scalars.starts(with: affix) ? Self.text(scalars.dropFirst(affix.count)) : text)
      }
      return .string(Self.ends(scalars, affix) ? Self.text(scalars.dropLast(affix.count)) : text)
    case "split": return try split(scalars, call)
    case "rsplit": return try splitFromEnd(scalars, call)
    case "splitlines": return Self.list(ScalarSearch.lines(scalars))
    case "upper": return .string(text.uppercased())
    case "lower": return .string(text.lowercased())
    case "capitalize": return .string(Self.capitalised(scalars))
    case "title": return .string(Self.titled(scalars) { !$0.properties.isAlphabetic })
    case "replace": return .string(try replaced(scalars, call))
    case "join": return .string(try join(try members(of: argument ?? .none), text))
    case "find", "count":
      let part = try affixes(argument)[0]
      if name == "find" { return .integer(ScalarSearch.first(part, in: scalars, from: 0) ?? -1) }
      return .integer(part.isEmpty ? scalars.count + 1 : ScalarSearch.split(scalars, by: part, limit: .max).count - 1)
    case "isdigit": return .boolean(!scalars.isEmpty && scalars.allSatisfy { $0.properties.numericType == .decimal })
    case "isalpha": return .boolean(!scalars.isEmpty && scalars.allSatisfy { ScalarClass($0) == .letter })
    case "isspace": return .boolean(!scalars.isEmpty && scalars.allSatisfy(ScalarSearch.isSpace))
    case "isupper": return .boolean(text == text.uppercased() && text != text.lowercased())
    case "islower": return .boolean(text == text.lowercased() && text != text.uppercased())
    default: return nil
    }
  }

  private static func ends(_ text: [Unicode.Scalar], _ suffix: [Unicode.Scalar]) -> Bool {
    text.reversed().starts(with: suffix.reversed())
  }

  /// One string or a tuple of strings.
  private func affixes(_ argument: TemplateValue?) throws(TextError) -> [[Unicode.Scalar]] {
    if let text = argument?.string { return [Array(text.unicodeScalars)] }
    guard case .list(let list)? = argument else { throw failure("expected a string as argument") }
    let texts = list.members.compactMap(\.string)
    guard !texts.isEmpty else { throw failure("expected strings as argument") }
    return texts.map { Array($0.unicodeScalars) }
  }

  private static func list(_ parts: [[Unicode.Scalar]]) -> TemplateValue {
    .list(TemplateList(parts.map { .string(text($0)) }))
  }

  private func split(_ text: [Unicode.Scalar], _ call: TemplateCall) throws(TextError) -> TemplateValue {
    let limit = call.argument(1, "maxsplit")?.integer ?? -1
    let cuts = limit < 0 ? Int.max : limit
    guard let separator = call.argument(0, "sep")?.string else {
      return Self.list(ScalarSearch.words(text, limit: cuts))
    }
    guard !separator.isEmpty else { throw failure("split at an empty string") }
    return Self.list(ScalarSearch.split(text, by: Array(separator.unicodeScalars), limit: cuts))
  }

  private func splitFromEnd(_ text: [Unicode.Scalar], _ call: TemplateCall) throws(TextError) -> TemplateValue {
    guard let separator = call.argument(0, "sep")?.string, !separator.isEmpty else {
      throw failure("rsplit needs a separator")
    }
    let limit = call.argument(1, "maxsplit")?.integer ?? -1
    let parts = ScalarSearch.split(
      text.reversed(), by: separator.unicodeScalars.reversed(), limit: limit < 0 ? .max : limit)
    return Self.list(parts.reversed().map { $0.reversed() })
  }

  func replaced(_ text: [Unicode.Scalar], _ call: TemplateCall) throws(TextError) -> String {
    guard let old = call.argument(0, "old")?.string, let new = call.argument(1, "new") else {
      throw failure("replace needs two strings")
    }
    let limit = call.argument(2, "count")?.integer ?? -1
    let cuts = limit < 0 ? Int.max : limit
    guard !old.isEmpty else { throw failure("replace of an empty string") }
    let parts = ScalarSearch.split(text, by: Array(old.unicodeScalars), limit: cuts)
    return try join(parts.map { .string(Self.text($0)) }, try self.text(of: new))
  }

  func join(_ members: [TemplateValue], _ separator: String) throws(TextError) -> String {
    var joined = ""
    for (index, member) in members.enumerated() {
      let text = try text(of: member)
      try charge(text.utf8.count + separator.utf8.count)
      if index > 0 { joined += separator }
      joined += text
      guard joined.utf8.count <= Self.byteLimit else {
        throw .templateLimit(line: line, limited: .bytes, allowed: Self.byteLimit)
      }
    }
    return joined
  }

  static func capitalised(_ text: [Unicode.Scalar]) -> String {
    text.first.map { $0.properties.titlecaseMapping + Self.text(text.dropFirst()).lowercased() } ?? ""
  }

  /// Every letter that follows a boundary becomes large, all others small.
  static func titled(_ text: [Unicode.Scalar], after isBoundary: (Unicode.Scalar) -> Bool) -> String {
    var (result, startsWord) = ("", true)
    for scalar in text {
      result += startsWord ? scalar.properties.titlecaseMapping : scalar.properties.lowercaseMapping
      startsWord = isBoundary(scalar)
    }
    return result
  }
}
