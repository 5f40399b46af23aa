/// Runs the statements of a template, counting its work.
///
/// A template comes from a file that someone else wrote, so steps, bytes, list members and nesting are rationed; every
/// operation whose cost grows with its operands is charged for them.
final class TemplateRenderer {
  /// Far above what any conversation needs (a message takes some hundred steps), about a second of work.
  static let stepLimit = 2_000_000
  static let byteLimit = 1 << 22
  static let memberLimit = 100_000
  /// Levels of evaluation inside one another; all together take less than 256 KB of stack when optimised.
  static let depthLimit = 160

  /// How a list of statements ended.
  enum Flow {
    case onward, breakLoop, continueLoop
  }

  let date: TemplateDate?
  var scope: TemplateScope
  var output = ""
  var line = 1
  private var steps = 0
  private var depth = 0

  init(globals: TemplateScope, date: TemplateDate?) {
    self.date = date
    scope = TemplateScope(inside: globals)
  }

  func failure(_ problem: String) -> TextError { .templateFailure(line: line, problem: problem) }

  /// Counts work, `count` members or bytes of it.
  func charge(_ count: Int = 0) throws(TextError) {
    steps += 1 + count / 16
    guard steps <= Self.stepLimit else { throw .templateLimit(line: line, limited: .steps, allowed: Self.stepLimit) }
  }

  func checkBytes(_ count: Int) throws(TextError) {
    guard count <= Self.byteLimit else { throw .templateLimit(line: line, limited: .bytes, allowed: Self.byteLimit) }
    try charge(count)
  }

  func checkMembers(_ count: Int) throws(TextError) {
    guard count <= Self.memberLimit else {
      throw .templateLimit(line: line, limited: .members, allowed: Self.memberLimit)
    }
    try charge(count)
  }

  func deeper() throws(TextError) {
    depth += 1
    guard depth <= Self.depthLimit else {
      throw .templateLimit(line: line, limited: .nesting, allowed: Self.depthLimit)
    }
  }

  func shallower() { depth -= 1 }

  func write(_ text: String) throws(TextError) {
    try charge(text.utf8.count)
    guard output.utf8.count + text.utf8.count <= Self.byteLimit else {
      throw .templateLimit(line: line, limited: .bytes, allowed: Self.byteLimit)
    }
    output += text
  }

  /// Runs statements and returns what they write.
  func capture(_ statements: [TemplateStatement]) throws(TextError) -> String {
    let outer = output
    output = ""
    defer { output = outer }
    _ = try run(statements)
    return output
  }

  func run(_ statements: [TemplateStatement]) throws(TextError) -> Flow {
    try deeper()
    defer { shallower() }
    for statement in statements {
      line = statement.line
      try charge()
      let flow = try run(statement.action)
      if flow != .onward { return flow }
    }
    return .onward
  }

  private func run(_ action: TemplateStatement.Action) throws(TextError) -> Flow {
    switch action {
    case .text(let text): try write(text)
    case .output(let expression): try write(try text(of: try value(of: expression)))
    case .choice(let branches, let otherwise): return try choose(branches, otherwise)
    case .loop(let loop): return try run(loop)
    case .set(let targets, let expression): try assign(try value(of: expression), to: targets)
    case .capture(let target, let body):
      let outer = scope
      scope = TemplateScope(inside: outer)
      defer { scope = outer }
      let text = try capture(body)
      scope = outer
      try assign(.string(text), to: target)
    case .macro(let macro): scope.values[macro.name] = .macro(macro, scope)
    case .group(let body): return try run(body)
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .onward
  }

  private func choose(
    _ branches: [(condition: TemplateExpression, body: [TemplateStatement])], _ otherwise: [TemplateStatement]
  ) throws(TextError) -> Flow {
    for branch in branches where try value(of: branch.condition).isTrue { return try run(branch.body) }
    return try run(otherwise)
  }

  private func assign(_ value: TemplateValue, to targets: [TemplateTarget]) throws(TextError) {
    guard targets.count > 1 else { return try assign(value, to: targets[0]) }
    let values = try members(of: value)
    guard values.count == targets.count else {
      throw failure("\(values.count) values for \(targets.count) names")
    }
    for (target, value) in zip(targets, values) { try assign(value, to: target) }
  }

  private func assign(_ value: TemplateValue, to target: TemplateTarget) throws(TextError) {
    switch target {
    case .name(let name): scope.values[name] = value
    case .attribute(let name, let attribute):
      guard case .namespace(let namespace)? = scope[name] else {
        throw failure("'\(name)' is not a namespace, so '\(name).\(attribute)' cannot be set")
      }
      namespace.values[attribute] = value
    }
  }
}

extension TemplateRenderer {
  private func run(_ loop: TemplateLoop) throws(TextError) -> Flow {
    let outer = scope
    defer { scope = outer }
    var items: [TemplateValue] = []
    for item in try members(of: try value(of: loop.sequence)) {
      try charge()
      guard let condition = loop.condition else {
        items.append(item)
        continue
      }
      scope = TemplateScope(inside: outer)
      try bind(item, to: loop.targets)
      if try value(of: condition).isTrue { items.append(item) }
    }
    scope = outer
    guard !items.isEmpty else { return try run(loop.otherwise) }
    for (index, item) in items.enumerated() {
      scope = TemplateScope(inside: outer)
      scope.values["loop"] = .namespace(position(index, in: items))
      try bind(item, to: loop.targets)
      if try run(loop.body) == .breakLoop { break }
    }
    return .onward
  }

  private func bind(_ item: TemplateValue, to names: [String]) throws(TextError) {
    try assign(item, to: names.map { .name($0) })
  }

  private func position(_ index: Int, in items: [TemplateValue]) -> TemplateNamespace {
    let loop = TemplateNamespace()
    loop.values = [
      "index": .integer(index + 1), "index0": .integer(index), "length": .integer(items.count),
      "revindex": .integer(items.count - index), "revindex0": .integer(items.count - index - 1),
      "first": .boolean(index == 0), "last": .boolean(index == items.count - 1),
    ]
    if index > 0 { loop.values["previtem"] = items[index - 1] }
    if index + 1 < items.count { loop.values["nextitem"] = items[index + 1] }
    return loop
  }
}
