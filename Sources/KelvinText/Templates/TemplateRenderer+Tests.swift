extension TemplateRenderer {
  /// `value is name(operands)`.
  func test(_ name: String, _ value: TemplateValue, _ operands: [TemplateValue]) throws(TextError) -> Bool {
    switch name {
    case "defined": return !value.isUndefined
    case "undefined": return value.isUndefined
    case "odd", "even":
      guard let number = value.integer else { throw failure("\(value.typeName) is neither odd nor even") }
      return number.isMultiple(of: 2) == (name == "even")
    case "lower": return value.string.map { $0 == $0.lowercased() } ?? false
    case "upper": return value.string.map { $0 == $0.uppercased() } ?? false
    default:
      if let answer = typeTest(name, value) { return answer }
      guard let operation = Self.comparisonTests[name] else { throw failure("there is no test '\(name)'") }
      guard let operand = operands.first else { throw failure("test '\(name)' needs an operand") }
      guard operation == "%" else { return try holds(operation, value, operand) }
      return try apply("%", value, operand).integer == 0
    }
  }

  private func typeTest(_ name: String, _ value: TemplateValue) -> Bool? {
    switch (name, value) {
    case ("none", .none), ("boolean", .boolean), ("integer", .integer), ("float", .float), ("string", .string),
      ("mapping", .dictionary), ("callable", .macro), ("callable", .function),
      ("number", .integer), ("number", .float), ("number", .boolean),
      ("sequence", .list), ("sequence", .string), ("sequence", .dictionary), ("sequence", .undefined),
      ("iterable", .list), ("iterable", .string), ("iterable", .dictionary), ("iterable", .undefined):
      return true
    case ("true", .boolean(let value)): return value
    case ("false", .boolean(let value)): return !value
    default:
      let names = [
        "none", "boolean", "integer", "float", "string", "mapping", "callable", "number", "sequence", "iterable",
        "true", "false",
      ]
      return names.contains(name) ? false : nil
    }
  }

  private static let comparisonTests = [
    "equalto": "==", "eq": "==", "==": "==", "sameas": "==", "ne": "!=", "!=": "!=", "lt": "<", "lessthan": "<",
    "le": "<=", "gt": ">", "greaterthan": ">", "ge": ">=", "in": "in", "divisibleby": "%",
  ]
}
