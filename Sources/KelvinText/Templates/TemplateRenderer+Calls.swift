extension TemplateRenderer {
  /// The functions that every template may call.
  static let functions = ["raise_exception", "strftime_now", "range", "namespace", "dict"]

  func call(_ callee: TemplateExpression, _ arguments: TemplateArguments) throws(TextError) -> TemplateValue {
    if case .attribute(let objectExpression, let name) = callee {
      let object = try value(of: objectExpression)
      let call = try evaluated(arguments)
      if case .namespace(let namespace) = object, let function = namespace.values[name] {
        return try self.call(function, name, call)
      }
      return try method(name, of: object, call)
    }
    let function = try value(of: callee)
    let name = if case .name(let name) = callee { name } else { "expression" }
    return try self.call(function, name, try evaluated(arguments))
  }

  private func call(
    _ function: TemplateValue, _ name: String, _ call: TemplateCall
  ) throws(TextError) -> TemplateValue {
    switch function {
    case .macro(let macro, let home): return try run(macro, home, call)
    case .function(let function): return try builtIn(function, call)
    default: throw failure("'\(name)' is \(function.typeName), not a function")
    }
  }

  private func run(
    _ macro: TemplateMacro, _ home: TemplateScope, _ call: TemplateCall
  ) throws(TextError) -> TemplateValue {
    guard call.positional.count <= macro.parameters.count else {
      throw failure("macro '\(macro.name)' takes \(macro.parameters.count) arguments, not \(call.positional.count)")
    }
    let outer = scope
    scope = TemplateScope(inside: home)
    defer { scope = outer }
    for (index, parameter) in macro.parameters.enumerated() {
      if let given = call.argument(index, parameter.name) {
        scope.values[parameter.name] = given
      } else if let standard = parameter.standard {
        scope.values[parameter.name] = try value(of: standard)
      } else {
        scope.values[parameter.name] = .undefined(parameter.name)
      }
    }
    return .string(try capture(macro.body))
  }

  private func builtIn(_ name: String, _ call: TemplateCall) throws(TextError) -> TemplateValue {
    switch name {
    case "raise_exception":
      throw .templateRaised(message: try text(of: call.argument(0, "message") ?? .none))
    case "strftime_now":
      guard let date else { throw failure("no date was given, so 'strftime_now' has nothing to format") }
      return .string(date.formatted(call.argument(0, "format")?.string ?? ""))
    case "range": return try range(call)
    case "namespace":
      let namespace = TemplateNamespace()
      namespace.values = call.named
      if case .dictionary(let dictionary)? = call.positional.first {
        for entry in dictionary.entries { namespace.values[entry.key.string ?? ""] = entry.value }
      }
      return .namespace(namespace)
    default:
      let dictionary = TemplateDictionary()
      if case .dictionary(let first)? = call.positional.first {
        for entry in first.entries { dictionary[entry.key] = entry.value }
      }
      for (name, value) in call.named.sorted(by: { $0.key < $1.key }) { dictionary[.string(name)] = value }
      return .dictionary(dictionary)
    }
  }

  private func range(_ call: TemplateCall) throws(TextError) -> TemplateValue {
    var bounds: [Int] = []
    for value in call.positional {
      guard let bound = value.integer, bound.magnitude < 1 << 32 else {
        throw failure("range takes integers below 2^32, not \(value.typeName)")
      }
      bounds.append(bound)
    }
    guard (1...3).contains(bounds.count) else { throw failure("range takes 1 to 3 numbers, not \(bounds.count)") }
    let (from, to) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
    let by = bounds.count == 3 ? bounds[2] : 1
    guard by != 0 else { throw failure("the step of a range is 0") }
    try checkMembers(max(0, (to - from) / by))
    return .list(TemplateList(stride(from: from, to: to, by: by).map { .integer($0) }))
  }
}
