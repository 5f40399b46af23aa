/// A value while a template renders; lists, dictionaries and namespaces are shared by reference, as in Python.
enum TemplateValue {
  /// What a missing name or attribute gives; it prints as nothing.
  case undefined(String)
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  case list(TemplateList)
  case dictionary(TemplateDictionary)
  case namespace(TemplateNamespace)
  case macro(TemplateMacro, TemplateScope)
  case function(String)

  init(_ value: JSONValue) {
    switch value {
    case .null: self = .none
    case .boolean(let value): self = .boolean(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .float(value)
    case .string(let text): self = .string(text)
    case .array(let values): self = .list(TemplateList(values.map { TemplateValue($0) }))
    case .object(let members):
      let dictionary = TemplateDictionary()
      for member in members { dictionary[.string(member.name)] = TemplateValue(member.value) }
      self = .dictionary(dictionary)
    }
  }

  /// Python's truth: false are false, none, zero, and everything empty.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .boolean(let value): value
    case .integer(let value): value != 0
    case .float(let value): value != 0
    case .string(let text): !text.isEmpty
    case .list(let list): !list.members.isEmpty
    case .dictionary(let dictionary): !dictionary.entries.isEmpty
    case .namespace, .macro, .function: true
    }
  }

  var isUndefined: Bool {
    if case .undefined = self { true } else { false }
  }

  var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The value of an integer or a boolean.
  var integer: Int? {
    switch self {
    case .integer(let value): value
    case .boolean(let value): value ? 1 : 0
    default: nil
    }
  }

  var number: Double? {
    if case .float(let value) = self { value } else { integer.map { Double($0) } }
  }

  /// The name of the type, for messages.
  var typeName: String {
    switch self {
    case .undefined(let name): "the undefined '\(name)'"
    case .none: "none"
    case .boolean: "a boolean"
    case .integer: "an integer"
    case .float: "a float"
    case .string: "a string"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .namespace: "a namespace"
    case .macro, .function: "a function"
    }
  }
}

/// A list or a tuple.
final class TemplateList {
  var members: [TemplateValue]
  let isTuple: Bool

  init(_ members: [TemplateValue], isTuple: Bool = false) {
    self.members = members
    self.isTuple = isTuple
  }
}

/// A dictionary in order of insertion.
final class TemplateDictionary {
  /// What may be a key; `true`, `1` and `1.0` are the same, as in Python.
  enum Key: Hashable {
    case none
    case number(Double)
    case string(String)

    init?(_ value: TemplateValue) {
      switch value {
      case .none: self = .none
      case .string(let text): self = .string(text)
      default:
        guard let number = value.number else { return nil }
        self = .number(number)
      }
    }
  }

  private(set) var entries: [(key: TemplateValue, value: TemplateValue)] = []
  private var places: [Key: Int] = [:]

  /// The value of a key; what cannot be a key has none and is not stored.
  subscript(key: TemplateValue) -> TemplateValue? {
    get { Key(key).flatMap { places[$0] }.map { entries[$0].value } }
    set {
      guard let newValue, let hashed = Key(key) else { return }
      if let place = places[hashed] {
        entries[place].value = newValue
      } else {
        places[hashed] = entries.count
        entries.append((key, newValue))
      }
    }
  }
}

/// Named values that a template may set from inside loops; `loop` is one too.
final class TemplateNamespace {
  var values: [String: TemplateValue] = [:]
}

/// The names of a block and of the blocks around it.
final class TemplateScope {
  var values: [String: TemplateValue] = [:]
  private let outer: TemplateScope?

  init(inside outer: TemplateScope? = nil) {
    self.outer = outer
  }

  subscript(name: String) -> TemplateValue? {
    var scope: TemplateScope? = self
    while let here = scope {
      if let value = here.values[name] { return value }
      scope = here.outer
    }
    return nil
  }
}

/// The arguments of a call, evaluated.
struct TemplateCall {
  var positional: [TemplateValue] = []
  var named: [String: TemplateValue] = [:]

  /// The argument at a place or of a name.
  func argument(_ index: Int, _ name: String) -> TemplateValue? {
    positional.indices.contains(index) ? positional[index] : named[name]
  }
}
