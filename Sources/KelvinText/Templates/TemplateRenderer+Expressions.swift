extension TemplateRenderer {
  func value(of expression: TemplateExpression) throws(TextError) -> TemplateValue {
    try deeper()
    defer { shallower() }
    try charge()
    switch expression {
    case .literal(let value): return TemplateValue(value)
    case .name(let name): return scope[name] ?? .undefined(name)
    case .list(let members, let isTuple): return .list(TemplateList(try values(of: members), isTuple: isTuple))
    case .dictionary(let members): return try dictionary(members)
    case .attribute(let object, let name): return try attribute(name, of: try value(of: object))
    case .item(let object, let key): return try item(try value(of: key), of: try value(of: object))
    case .slice(let object, let slice): return try self.slice(try value(of: object), slice)
    case .call(let callee, let arguments): return try call(callee, arguments)
    case .filter(let operand, let name, let arguments):
      return try filter(name, try value(of: operand), try evaluated(arguments))
    case .test(let operand, let name, let operands):
      return .boolean(try test(name, try value(of: operand), try values(of: operands)))
    case .not(let operand): return .boolean(!(try value(of: operand).isTrue))
    case .negative(let operand): return try negative(try value(of: operand))
    case .and(let left, let right):
      let first = try value(of: left)
      return first.isTrue ? try value(of: right) : first
    case .or(let left, let right):
      let first = try value(of: left)
      return first.isTrue ? first : try value(of: right)
    case .binary(let left, let operation, let right):
      return try apply(operation, try value(of: left), try value(of: right))
    case .comparison(let first, let rest): return .boolean(try compare(first, rest))
    case .conditional(let condition, let then, let otherwise):
      if try value(of: condition).isTrue { return try value(of: then) }
      return try otherwise.map { (e) throws(TextError) in try value(of: e) } ?? .undefined("inline if without else")
    }
  }

  func values(of expressions: [TemplateExpression]) throws(TextError) -> [TemplateValue] {
    var values: [TemplateValue] = []
    for expression in expressions { values.append(try value(of: expression)) }
    return values
  }

  func evaluated(_ arguments: TemplateArguments) throws(TextError) -> TemplateCall {
    var call = TemplateCall(positional: try values(of: arguments.positional))
    for (name, expression) in arguments.named { call.named[name] = try value(of: expression) }
    return call
  }

  private func dictionary(
    _ members: [(key: TemplateExpression, value: TemplateExpression)]
  ) throws(TextError) -> TemplateValue {
    let dictionary = TemplateDictionary()
    for (keyExpression, expression) in members {
      let key = try value(of: keyExpression)
      guard TemplateDictionary.Key(key) != nil else { throw failure("\(key.typeName) cannot be a key") }
      dictionary[key] = try value(of: expression)
    }
    return .dictionary(dictionary)
  }

  func attribute(_ name: String, of object: TemplateValue) throws(TextError) -> TemplateValue {
    switch object {
    case .undefined(let missing): throw failure("'\(missing)' is undefined, so '\(name)' of it cannot be read")
    case .dictionary(let dictionary): return dictionary[.string(name)] ?? .undefined(name)
    case .namespace(let namespace): return namespace.values[name] ?? .undefined(name)
    default: return .undefined(name)
    }
  }

  func item(_ key: TemplateValue, of object: TemplateValue) throws(TextError) -> TemplateValue {
    switch object {
    case .undefined(let missing): throw failure("'\(missing)' is undefined, so nothing can be read from it")
    case .dictionary(let dictionary): return dictionary[key] ?? .undefined(key.string ?? "key")
    case .namespace(let namespace): return namespace.values[key.string ?? ""] ?? .undefined(key.string ?? "key")
    case .list(let list):
      guard let index = place(key, count: list.members.count) else { return .undefined("item") }
      return list.members[index]
    case .string(let text):
      let scalars = try scalars(of: text)
      guard let index = place(key, count: scalars.count) else { return .undefined("item") }
      return .string(String(scalars[index]))
    default: return .undefined("item")
    }
  }

  /// An index that may count from the end.
  private func place(_ key: TemplateValue, count: Int) -> Int? {
    guard let index = key.integer else { return nil }
    let place = index < 0 ? index + count : index
    return (0..<count).contains(place) ? place : nil
  }

  private func slice(_ object: TemplateValue, _ slice: TemplateSlice) throws(TextError) -> TemplateValue {
    func number(_ expression: TemplateExpression?) throws(TextError) -> Int? {
      guard let expression else { return nil }
      let value = try value(of: expression)
      if case .none = value { return nil }
      guard let index = value.integer else { throw failure("\(value.typeName) cannot bound a slice") }
      return index
    }
    let (from, to, by) = (try number(slice.from), try number(slice.to), try number(slice.by) ?? 1)
    guard by != 0, by.magnitude < 1 << 32 else { throw failure("the step of a slice is \(by)") }
    switch object {
    case .string(let text):
      let scalars = try scalars(of: text)
      return .string(Self.text(Self.places(from, to, by, count: scalars.count).map { scalars[$0] }))
    case .list(let list):
      try charge(list.members.count)
      let places = Self.places(from, to, by, count: list.members.count)
      return .list(TemplateList(places.map { list.members[$0] }, isTuple: list.isTuple))
    default: throw failure("\(object.typeName) cannot be sliced")
    }
  }

  /// The indices that Python's `[from:to:by]` visits.
  private static func places(_ from: Int?, _ to: Int?, _ by: Int, count: Int) -> [Int] {
    func clamped(_ bound: Int?, _ standard: Int, _ range: ClosedRange<Int>) -> Int {
      guard let bound else { return standard }
      return min(max(bound < 0 ? bound + count : bound, range.lowerBound), range.upperBound)
    }
    if by > 0 {
      return Array(stride(from: clamped(from, 0, 0...count), to: clamped(to, count, 0...count), by: by))
    }
    let range = -1...(count - 1)
    return Array(stride(from: clamped(from, count - 1, range), to: clamped(to, -1, range), by: by))
  }

  /// The members that a loop visits: of a list, the keys of a dictionary, the characters of a string.
  func members(of value: TemplateValue) throws(TextError) -> [TemplateValue] {
    switch value {
    case .undefined: return []
    case .list(let list):
      try charge(list.members.count)
      return list.members
    case .dictionary(let dictionary):
      try charge(dictionary.entries.count)
      return dictionary.entries.map(\.key)
    case .string(let text):
      let scalars = try scalars(of: text)
      try checkMembers(scalars.count)
      return scalars.map { .string(String($0)) }
    default: throw failure("\(value.typeName) cannot be looped over")
    }
  }

  func scalars(of text: String) throws(TextError) -> [Unicode.Scalar] {
    try charge(text.utf8.count)
    return Array(text.unicodeScalars)
  }

  static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }
}
