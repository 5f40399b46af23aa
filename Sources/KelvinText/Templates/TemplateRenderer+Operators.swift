import Foundation

extension TemplateRenderer {
  func negative(_ value: TemplateValue) throws(TextError) -> TemplateValue {
    if let integer = value.integer { return .integer(try exact(0.subtractingReportingOverflow(integer))) }
    guard let number = value.number else { throw failure("\(value.typeName) has no negative") }
    return .float(-number)
  }

  private func exact(_ result: (partialValue: Int, overflow: Bool)) throws(TextError) -> Int {
    guard !result.overflow else { throw failure("a number does not fit 64 bits") }
    return result.partialValue
  }

  func apply(
    _ operation: String, _ left: TemplateValue, _ right: TemplateValue
  ) throws(TextError) -> TemplateValue {
    switch (operation, left, right) {
    case ("~", _, _): return .string(try joined(try text(of: left), try text(of: right)))
    case ("+", .string(let first), .string(let second)): return .string(try joined(first, second))
    case ("+", .list(let first), .list(let second)):
      try checkMembers(first.members.count + second.members.count)
      return .list(TemplateList(first.members + second.members, isTuple: first.isTuple))
    case ("*", .string(let text), .integer(let count)), ("*", .integer(let count), .string(let text)):
      let (bytes, overflow) = text.utf8.count.multipliedReportingOverflow(by: max(0, count))
      try checkBytes(overflow ? Int.max : bytes)
      return .string(text.isEmpty ? "" : String(repeating: text, count: max(0, count)))
    case ("*", .list(let list), .integer(let count)):
      let (members, overflow) = list.members.count.multipliedReportingOverflow(by: max(0, count))
      try checkMembers(overflow ? Int.max : members)
      return .list(TemplateList(members == 0 ? [] : (0..<count).flatMap { _ in list.members }))
    default: break
    }
    if let first = left.integer, let second = right.integer, operation != "/" {
      return try integers(operation, first, second)
    }
    guard let first = left.number, let second = right.number else {
      throw failure("'\(operation)' does not apply to \(left.typeName) and \(right.typeName)")
    }
    return try floats(operation, first, second)
  }

  func joined(_ first: String, _ second: String) throws(TextError) -> String {
    try checkBytes(first.utf8.count + second.utf8.count)
    return first + second
  }

  private func integers(_ operation: String, _ first: Int, _ second: Int) throws(TextError) -> TemplateValue {
    switch operation {
    case "+": return .integer(try exact(first.addingReportingOverflow(second)))
    case "-": return .integer(try exact(first.subtractingReportingOverflow(second)))
    case "*": return .integer(try exact(first.multipliedReportingOverflow(by: second)))
    case "//", "%":
      guard second != 0 else { throw failure("division by zero") }
      let quotient = try exact(first.dividedReportingOverflow(by: second))
      let remainder = first - quotient * second
      let isRoundedUp = remainder != 0 && (remainder < 0) != (second < 0)
      return .integer(
        operation == "%" ? (isRoundedUp ? remainder + second : remainder) : quotient - (isRoundedUp ? 1 : 0))
    default: return try power(first, second)
    }
  }

  private func power(_ base: Int, _ exponent: Int) throws(TextError) -> TemplateValue {
    guard exponent >= 0 else { return try floats("**", Double(base), Double(exponent)) }
    if base == 0 || base == 1 { return .integer(exponent == 0 ? 1 : base) }
    if base == -1 { return .integer(exponent.isMultiple(of: 2) ? 1 : -1) }
    var result = 1
    for _ in 0..<min(exponent, 64) { result = try exact(result.multipliedReportingOverflow(by: base)) }
    return .integer(result)
  }

  private func floats(_ operation: String, _ first: Double, _ second: Double) throws(TextError) -> TemplateValue {
    switch operation {
    case "+": return .float(first + second)
    case "-": return .float(first - second)
    case "*": return .float(first * second)
    case "**": return .float(pow(first, second))
    default:
      guard second != 0 else { throw failure("division by zero") }
      if operation == "/" { return .float(first / second) }
      let quotient = (first / second).rounded(.down)
      return .float(operation == "//" ? quotient : first - quotient * second)
    }
  }

  /// Whether every neighbouring pair of a chain like `a < b <= c` holds.
  func compare(
    _ first: TemplateExpression, _ rest: [(operation: String, operand: TemplateExpression)]
  ) throws(TextError) -> Bool {
    var left = try value(of: first)
    for (operation, operand) in rest {
      let right = try value(of: operand)
      guard try holds(operation, left, right) else { return false }
      left = right
    }
    return true
  }

  func holds(_ operation: String, _ left: TemplateValue, _ right: TemplateValue) throws(TextError) -> Bool {
    switch operation {
    case "==": return try areEqual(left, right)
    case "!=": return !(try areEqual(left, right))
    case "in": return try contains(right, left)
    case "not in": return !(try contains(right, left))
    case "<": return try order(left, right) < 0
    case "<=": return try order(left, right) <= 0
    case ">": return try order(left, right) > 0
    default: return try order(left, right) >= 0
    }
  }

  func areEqual(_ left: TemplateValue, _ right: TemplateValue) throws(TextError) -> Bool {
    try deeper()
    defer { shallower() }
    try charge()
    if let first = left.integer, let second = right.integer { return first == second }
    if let first = left.number, let second = right.number { return first == second }
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let first), .string(let second)):
      try charge(first.utf8.count)
      return first.utf8.elementsEqual(second.utf8)
    case (.list(let first), .list(let second)):
      guard first.members.count == second.members.count, first.isTuple == second.isTuple else { return false }
      for (one, other) in zip(first.members, second.members) where !(try areEqual(one, other)) { return false }
      return true
    case (.dictionary(let first), .dictionary(let second)):
      guard first.entries.count == second.entries.count else { return false }
      for entry in first.entries {
        guard let other = second[entry.key], try areEqual(entry.value, other) else { return false }
      }
      return true
    case (.namespace(let first), .namespace(let second)): return first === second
    default: return false
    }
  }

  /// Whether a list has a member, a dictionary a key, or a string a part.
  func contains(_ container: TemplateValue, _ value: TemplateValue) throws(TextError) -> Bool {
    switch container {
    case .string(let text):
      guard let part = value.string else { throw failure("\(value.typeName) cannot be looked for in a string") }
      try charge(text.utf8.count)
      return ScalarSearch.first(Array(part.unicodeScalars), in: Array(text.unicodeScalars), from: 0) != nil
    case .dictionary(let dictionary): return dictionary[value] != nil
    default:
      for member in try members(of: container) where try areEqual(member, value) { return true }
      return false
    }
  }

  /// Negative, zero or positive as `left` sorts before, with or after `right`.
  func order(_ left: TemplateValue, _ right: TemplateValue) throws(TextError) -> Int {
    try deeper()
    defer { shallower() }
    try charge()
    if let first = left.number, let second = right.number { return first < second ? -1 : first > second ? 1 : 0 }
    switch (left, right) {
    case (.string(let first), .string(let second)):
      try charge(first.utf8.count)
      if first.utf8.elementsEqual(second.utf8) { return 0 }
      return first.unicodeScalars.lexicographicallyPrecedes(second.unicodeScalars) ? -1 : 1
    case (.list(let first), .list(let second)):
      for (one, other) in zip(first.members, second.members) {
        let order = try order(one, other)
        if order != 0 { return order }
      }
      return first.members.count - second.members.count
    default: throw failure("\(left.typeName) and \(right.typeName) have no order")
    }
  }
}
