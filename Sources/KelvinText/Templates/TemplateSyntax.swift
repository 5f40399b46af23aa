/// An expression of a template.
indirect enum TemplateExpression: Sendable {
  case literal(JSONValue)
  case name(String)
  case list([TemplateExpression], isTuple: Bool)
  case dictionary([(key: TemplateExpression, value: TemplateExpression)])
  case attribute(TemplateExpression, String)
  case item(TemplateExpression, TemplateExpression)
  case slice(TemplateExpression, TemplateSlice)
  case call(TemplateExpression, TemplateArguments)
  case filter(TemplateExpression, String, TemplateArguments)
  case test(TemplateExpression, String, [TemplateExpression])
  case not(TemplateExpression)
  case negative(TemplateExpression)
  case and(TemplateExpression, TemplateExpression)
  case or(TemplateExpression, TemplateExpression)
  case binary(TemplateExpression, String, TemplateExpression)
  /// `a < b <= c`: every neighbouring pair must hold.
  case comparison(TemplateExpression, [(operation: String, operand: TemplateExpression)])
  case conditional(TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
}

/// The three numbers of `a[from:to:by]`.
struct TemplateSlice: Sendable {
  var from: TemplateExpression?
  var to: TemplateExpression?
  var by: TemplateExpression?
}

/// The arguments of a call, as written.
struct TemplateArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
}

/// What `set` and `for` assign to.
enum TemplateTarget: Sendable {
  case name(String)
  case attribute(String, String)
}

/// A statement and the line where it starts.
struct TemplateStatement: Sendable {
  /// What a statement does.
  indirect enum Action: Sendable {
    case text(String)
    case output(TemplateExpression)
    case choice([(condition: TemplateExpression, body: [TemplateStatement])], otherwise: [TemplateStatement])
    case loop(TemplateLoop)
    case set([TemplateTarget], TemplateExpression)
    case capture(TemplateTarget, [TemplateStatement])
    case macro(TemplateMacro)
    case group([TemplateStatement])
    case breakLoop
    case continueLoop
  }

  var line: Int
  var action: Action
}

/// A `for` statement.
struct TemplateLoop: Sendable {
  var targets: [String]
  var sequence: TemplateExpression
  var condition: TemplateExpression?
  var body: [TemplateStatement]
  var otherwise: [TemplateStatement]
}

/// A `macro` statement.
struct TemplateMacro: Sendable {
  var name: String
  var parameters: [(name: String, standard: TemplateExpression?)]
  var body: [TemplateStatement]
}
