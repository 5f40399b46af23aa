extension TemplateParser {
  /// An expression, or several separated by commas, which make a tuple.
  mutating func tupleOrExpression() throws(TextError) -> TemplateExpression {
    let first = try expression()
    guard current == .sign(",") else { return first }
    var members = [first]
    while take(",") {
      guard current != .blockEnd, current != .outputEnd, current != .sign(")") else { break }
      members.append(try expression())
    }
    return .list(members, isTuple: true)
  }

  /// `a if b else c`; in the head of a `for` an `if` belongs to the loop.
  mutating func expression(allowsConditional: Bool = true) throws(TextError) -> TemplateExpression {
    try deeper()
    let outer = links
    defer { (depth, links) = (depth - 1, outer) }
    var value = try disjunction()
    while allowsConditional, takeName("if") {
      let condition = try disjunction()
      value = .conditional(condition, then: value, otherwise: takeName("else") ? try expression() : nil)
      try link()
    }
    return value
  }

  private mutating func disjunction() throws(TextError) -> TemplateExpression {
    var value = try conjunction()
    let outer = links
    defer { links = outer }
    while takeName("or") {
      value = .or(value, try conjunction())
      try link()
    }
    return value
  }

  private mutating func conjunction() throws(TextError) -> TemplateExpression {
    var value = try negation()
    let outer = links
    defer { links = outer }
    while takeName("and") {
      value = .and(value, try negation())
      try link()
    }
    return value
  }

  private mutating func negation() throws(TextError) -> TemplateExpression {
    var negations = 0
    while takeName("not") { negations += 1 }
    let value = try comparison()
    // `not not a` is a truth value, not `a`.
    return negations == 0 ? value : negations.isMultiple(of: 2) ? .not(.not(value)) : .not(value)
  }

  private mutating func comparison() throws(TextError) -> TemplateExpression {
    let first = try arithmetic(0)
    var rest: [(operation: String, operand: TemplateExpression)] = []
    while let operation = takeComparison() { rest.append((operation, try arithmetic(0))) }
    return rest.isEmpty ? first : .comparison(first, rest)
  }

  private mutating func takeComparison() -> String? {
    if case .sign(let sign) = current, ["==", "!=", "<", "<=", ">", ">="].contains(sign) {
      advance()
      return sign
    }
    if takeName("in") { return "in" }
    guard current == .name("not"), next == .name("in") else { return nil }
    advance()
    advance()
    return "not in"
  }

  private static let levels: [[String]] = [["+", "-"], ["~"], ["*", "/", "//", "%"], ["**"]]

  private mutating func arithmetic(_ level: Int) throws(TextError) -> TemplateExpression {
    guard level < Self.levels.count else { return try unary() }
    let outer = links
    defer { links = outer }
    var value = try arithmetic(level + 1)
    while case .sign(let sign) = current, Self.levels[level].contains(sign) {
      advance()
      value = .binary(value, sign, try arithmetic(level + 1))
      try link()
    }
    return value
  }

  /// Signs bind tighter than filters: `-1|abs` is `(-1)|abs`.
  private mutating func unary() throws(TextError) -> TemplateExpression {
    var (isNegative, isSigned) = (false, false)
    while case .sign(let sign) = current, sign == "-" || sign == "+" {
      advance()
      isSigned = true
      if sign == "-" { isNegative.toggle() }
    }
    let value = try postfix(primary())
    let signed: TemplateExpression = isNegative ? .negative(value) : isSigned ? .negative(.negative(value)) : value
    return try filtersAndTests(signed)
  }

  mutating func primary() throws(TextError) -> TemplateExpression {
    switch current {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return .literal(true)
      case "false", "False": return .literal(false)
      case "none", "None": return .literal(.null)
      default: return .name(name)
      }
    case .string(var text):
      advance()
      while case .string(let more) = current {
        text += more
        advance()
      }
      return .literal(.string(text))
    case .integer(let value):
      advance()
      return .literal(.integer(value))
    case .float(let value):
      advance()
      return .literal(.number(value))
    case .sign("("): return try bracketed()
    case .sign("["): return try list()
    case .sign("{"): return try dictionary()
    default: throw problem("found \(Self.spelling(current)), expected an expression")
    }
  }

  private mutating func bracketed() throws(TextError) -> TemplateExpression {
    advance()
    if take(")") { return .list([], isTuple: true) }
    let value = try tupleOrExpression()
    try expect(")")
    return value
  }

  private mutating func list() throws(TextError) -> TemplateExpression {
    advance()
    var members: [TemplateExpression] = []
    while current != .sign("]") {
      members.append(try expression())
      guard take(",") else { break }
    }
    try expect("]")
    return .list(members, isTuple: false)
  }

  private mutating func dictionary() throws(TextError) -> TemplateExpression {
    advance()
    var members: [(key: TemplateExpression, value: TemplateExpression)] = []
    while current != .sign("}") {
      let key = try expression()
      try expect(":")
      members.append((key, try expression()))
      guard take(",") else { break }
    }
    try expect("}")
    return .dictionary(members)
  }

  /// Attributes, items, slices and calls behind a value.
  private mutating func postfix(_ start: TemplateExpression) throws(TextError) -> TemplateExpression {
    var value = start
    let outer = links
    defer { links = outer }
    while true {
      if take(".") {
        if case .integer(let index) = current {
          advance()
          value = .item(value, .literal(.integer(index)))
        } else {
          value = .attribute(value, try expectName())
        }
      } else if take("[") {
        value = try itemOrSlice(of: value)
      } else if current == .sign("(") {
        value = .call(value, try arguments())
      } else {
        return value
      }
      try link()
    }
  }

  private mutating func itemOrSlice(of value: TemplateExpression) throws(TextError) -> TemplateExpression {
    var parts: [TemplateExpression?] = [nil]
    while current != .sign("]") {
      if take(":") {
        parts.append(nil)
      } else {
        guard parts[parts.count - 1] == nil else { throw problem("expected ']'") }
        parts[parts.count - 1] = try tupleOrExpression()
      }
    }
    advance()
    if parts.count == 1, let index = parts[0] { return .item(value, index) }
    guard (2...3).contains(parts.count) else { throw problem("expected an index or a slice between '[' and ']'") }
    return .slice(value, TemplateSlice(from: parts[0], to: parts[1], by: parts.count == 3 ? parts[2] : nil))
  }

  private mutating func arguments() throws(TextError) -> TemplateArguments {
    try expect("(")
    var arguments = TemplateArguments()
    while current != .sign(")") {
      if case .name(let name) = current, next == .sign("=") {
        advance()
        advance()
        arguments.named.append((name, try expression()))
      } else {
        arguments.positional.append(try expression())
      }
      guard take(",") else { break }
    }
    try expect(")")
    return arguments
  }

  private mutating func filtersAndTests(_ start: TemplateExpression) throws(TextError) -> TemplateExpression {
    var value = start
    let outer = links
    defer { links = outer }
    while true {
      if take("|") {
        let name = try expectName()
        value = .filter(value, name, current == .sign("(") ? try arguments() : TemplateArguments())
      } else if takeName("is") {
        value = try test(of: value)
      } else if current == .sign("(") {
        value = .call(value, try arguments())
      } else {
        return value
      }
      try link()
    }
  }

  private mutating func test(of value: TemplateExpression) throws(TextError) -> TemplateExpression {
    let isNegated = takeName("not")
    let name = try expectName()
    var operands: [TemplateExpression] = []
    if current == .sign("(") {
      operands = try arguments().positional
    } else if startsOperand {
      operands = [try postfix(primary())]
    }
    let test = TemplateExpression.test(value, name, operands)
    return isNegated ? .not(test) : test
  }

  /// Whether what follows a test's name without brackets is its operand: `x is divisibleby 3`.
  private var startsOperand: Bool {
    switch current {
    case .name(let name): !["else", "or", "and", "is", "if", "in", "not"].contains(name)
    case .string, .integer, .float, .sign("["), .sign("{"): true
    default: false
    }
  }
}
