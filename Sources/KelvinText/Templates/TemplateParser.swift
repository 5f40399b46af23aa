/// Reads the statements of a template.
struct TemplateParser {
  /// The deepest nesting of blocks and of expressions.
  static let depthLimit = 40
  /// The longest chain like `a + b + c` or `a.b.c`: parsing it is a loop, but evaluating it goes one deeper a link.
  static let linkLimit = 100

  let tokens: [TemplateToken]
  var position = 0
  var depth = 0
  var links = 0

  init(_ source: String) throws(TextError) {
    var lexer = TemplateLexer(source)
    tokens = try lexer.tokenise()
  }

  var current: TemplateToken.Kind { tokens[position].kind }
  var next: TemplateToken.Kind { tokens[min(position + 1, tokens.count - 1)].kind }
  var line: Int { tokens[position].line }

  func problem(_ what: String) -> TextError { .templateSyntax(line: line, problem: what) }

  mutating func advance() { position = min(position + 1, tokens.count - 1) }

  mutating func take(_ sign: String) -> Bool {
    guard current == .sign(sign) else { return false }
    advance()
    return true
  }

  mutating func takeName(_ name: String) -> Bool {
    guard current == .name(name) else { return false }
    advance()
    return true
  }

  mutating func expect(_ sign: String) throws(TextError) {
    guard take(sign) else { throw problem("found \(Self.spelling(current)), expected '\(sign)'") }
  }

  mutating func expectName() throws(TextError) -> String {
    guard case .name(let name) = current else { throw problem("found \(Self.spelling(current)), expected a name") }
    advance()
    return name
  }

  mutating func expectBlockEnd() throws(TextError) {
    guard current == .blockEnd else { throw problem("found \(Self.spelling(current)), expected '%}'") }
    advance()
  }

  mutating func deeper() throws(TextError) {
    depth += 1
    guard depth <= Self.depthLimit else {
      throw .templateLimit(line: line, limited: .nesting, allowed: Self.depthLimit)
    }
  }

  /// Counts a link of a chain that is being read.
  mutating func link() throws(TextError) {
    links += 1
    guard links <= Self.linkLimit else {
      throw .templateLimit(line: line, limited: .nesting, allowed: Self.linkLimit)
    }
  }

  static func spelling(_ kind: TemplateToken.Kind) -> String {
    switch kind {
    case .text: "text"
    case .outputBegin: "'{{'"
    case .outputEnd: "'}}'"
    case .blockBegin: "'{%'"
    case .blockEnd: "'%}'"
    case .name(let name): "'\(name)'"
    case .string: "a string"
    case .integer, .float: "a number"
    case .sign(let sign): "'\(sign)'"
    case .end: "the end of the template"
    }
  }

  mutating func template() throws(TextError) -> [TemplateStatement] {
    let statements = try body(until: [])
    guard current == .end else { throw problem("found \(Self.spelling(next)) without its beginning") }
    return statements
  }

  /// Statements up to a block whose name is in `endings`, which is left in place; at the top up to the end.
  mutating func body(until endings: [String]) throws(TextError) -> [TemplateStatement] {
    try deeper()
    defer { depth -= 1 }
    var statements: [TemplateStatement] = []
    while true {
      let line = line
      switch current {
      case .text(let text):
        advance()
        statements.append(TemplateStatement(line: line, action: .text(text)))
      case .outputBegin:
        advance()
        let value = try tupleOrExpression()
        guard current == .outputEnd else { throw problem("found \(Self.spelling(current)), expected '}}'") }
        advance()
        statements.append(TemplateStatement(line: line, action: .output(value)))
      case .blockBegin:
        if case .name(let name) = next, endings.contains(name) { return statements }
        if case .name(let name) = next, name.hasPrefix("end") || name == "else" || name == "elif" { return statements }
        advance()
        statements.append(TemplateStatement(line: line, action: try block()))
      default:
        guard endings.isEmpty else {
          throw problem("the template ends, expected '{% \(endings[endings.count - 1]) %}'")
        }
        return statements
      }
    }
  }

  private mutating func block() throws(TextError) -> TemplateStatement.Action {
    let name = try expectName()
    switch name {
    case "if": return try choice()
    case "for": return try loop()
    case "set": return try assignment()
    case "macro": return try macro()
    case "generation":
      try expectBlockEnd()
      return .group(try closedBody("endgeneration"))
    case "break", "continue":
      try expectBlockEnd()
      return name == "break" ? .breakLoop : .continueLoop
    default:
      throw problem("block '\(name)' is not supported; supported are if, for, set, macro, generation, break, continue")
    }
  }

  /// The body of a block and its closing tag.
  private mutating func closedBody(_ ending: String) throws(TextError) -> [TemplateStatement] {
    let statements = try body(until: [ending])
    try close(ending)
    return statements
  }

  /// Takes `{% ending`; the rest of the tag must be empty.
  private mutating func close(_ ending: String) throws(TextError) {
    advance()
    guard takeName(ending) else { throw problem("found \(Self.spelling(current)), expected '\(ending)'") }
    if ending == "endmacro", case .name = current { advance() }
    try expectBlockEnd()
  }

  private mutating func choice() throws(TextError) -> TemplateStatement.Action {
    var branches: [(condition: TemplateExpression, body: [TemplateStatement])] = []
    repeat {
      let condition = try expression()
      try expectBlockEnd()
      branches.append((condition, try body(until: ["elif", "else", "endif"])))
      guard next == .name("elif") else { break }
      advance()
      advance()
    } while true
    return .choice(branches, otherwise: try elseBody("endif"))
  }

  /// The body of `else`, if there is one, and the closing tag.
  private mutating func elseBody(_ ending: String) throws(TextError) -> [TemplateStatement] {
    guard next == .name("else") else {
      try close(ending)
      return []
    }
    advance()
    advance()
    try expectBlockEnd()
    return try closedBody(ending)
  }

  private mutating func loop() throws(TextError) -> TemplateStatement.Action {
    let isBracketed = take("(")
    var targets = [try expectName()]
    while take(",") { targets.append(try expectName()) }
    if isBracketed { try expect(")") }
    guard takeName("in") else { throw problem("found \(Self.spelling(current)), expected 'in'") }
    let sequence = try expression(allowsConditional: false)
    let condition: TemplateExpression? = takeName("if") ? try expression() : nil
    try expectBlockEnd()
    let statements = try body(until: ["else", "endfor"])
    let otherwise = try elseBody("endfor")
    return .loop(
      TemplateLoop(
        targets: targets, sequence: sequence, condition: condition, body: statements, otherwise: otherwise))
  }

  private mutating func assignment() throws(TextError) -> TemplateStatement.Action {
    var targets = [try target()]
    while take(",") { targets.append(try target()) }
    if take("=") {
      let value = try tupleOrExpression()
      try expectBlockEnd()
      return .set(targets, value)
    }
    guard targets.count == 1 else { throw problem("found \(Self.spelling(current)), expected '='") }
    try expectBlockEnd()
    return .capture(targets[0], try closedBody("endset"))
  }

  private mutating func target() throws(TextError) -> TemplateTarget {
    let name = try expectName()
    return take(".") ? .attribute(name, try expectName()) : .name(name)
  }

  private mutating func macro() throws(TextError) -> TemplateStatement.Action {
    let name = try expectName()
    try expect("(")
    var parameters: [(name: String, standard: TemplateExpression?)] = []
    while current != .sign(")") {
      let parameter = try expectName()
      parameters.append((parameter, take("=") ? try expression() : nil))
      guard take(",") else { break }
    }
    try expect(")")
    try expectBlockEnd()
    return .macro(TemplateMacro(name: name, parameters: parameters, body: try closedBody("endmacro")))
  }
}
