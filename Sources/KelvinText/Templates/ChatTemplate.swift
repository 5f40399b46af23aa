public import Foundation

/// One turn of a conversation.
public struct ChatMessage: Sendable, Hashable {
  /// Who speaks: `system`, `user`, `assistant`, `tool`.
  public var role: String
  /// What is said.
  public var content: String
  /// Further fields that a template may read, such as `tool_calls`.
  public var fields: [JSONValue.Member]

  /// Makes a turn.
  public init(role: String, content: String, fields: [JSONValue.Member] = []) {
    self.role = role
    self.content = content
    self.fields = fields
  }

  var value: JSONValue {
    .object([JSONValue.Member("role", .string(role)), JSONValue.Member("content", .string(content))] + fields)
  }
}

/// A template that writes a conversation as the text a model was trained on.
///
/// It runs the part of Jinja that published chat templates use, with Hugging Face's settings and additions
/// (`raise_exception`, `strftime_now`, `tojson`, `break`, `continue`, `generation`). Templates come with checkpoints
/// and are not trusted: their steps, output, lists and nesting are limited, and they reach nothing but the values
/// handed to them.
public struct ChatTemplate: Sendable {
  /// The text of the template.
  public let source: String
  private let statements: [TemplateStatement]

  /// Parses a template.
  ///
  /// Errors: `templateSyntax` with the line, `templateLimit` for nesting.
  public init(source: String) throws(TextError) {
    self.source = source
    var parser = try TemplateParser(source)
    statements = try parser.template()
  }

  /// What a template may read besides the messages.
  public struct Inputs: Sendable {
    /// Whether the text ends where the assistant begins to answer.
    public var addGenerationPrompt: Bool
    /// The spelling of the token that begins a text.
    public var bosToken: String
    /// The spelling of the token that ends a text.
    public var eosToken: String
    /// More variables, such as `tools`.
    public var variables: [String: JSONValue]
    /// The moment that `strftime_now` writes; without it that function is not there.
    public var date: Date?

    /// Makes inputs.
    public init(
      addGenerationPrompt: Bool = true, bosToken: String = "", eosToken: String = "",
      variables: [String: JSONValue] = [:], date: Date? = nil
    ) {
      self.addGenerationPrompt = addGenerationPrompt
      self.bosToken = bosToken
      self.eosToken = eosToken
      self.variables = variables
      self.date = date
    }
  }

  /// Writes a conversation.
  ///
  /// Errors: `templateFailure`, `templateRaised` when the template refuses the conversation, `templateLimit`.
  public func render(_ messages: [ChatMessage], _ inputs: Inputs = Inputs()) throws(TextError) -> String {
    try render(messages: .array(messages.map(\.value)), inputs)
  }

  /// Writes a conversation given as JSON, as a server receives it: contents may be lists of parts.
  public func render(messages: JSONValue, _ inputs: Inputs = Inputs()) throws(TextError) -> String {
    let globals = TemplateScope()
    for name in TemplateRenderer.functions where name != "strftime_now" || inputs.date != nil {
      globals.values[name] = .function(name)
    }
    for (name, value) in inputs.variables { globals.values[name] = TemplateValue(value) }
    globals.values["messages"] = TemplateValue(messages)
    globals.values["add_generation_prompt"] = .boolean(inputs.addGenerationPrompt)
    globals.values["bos_token"] = .string(inputs.bosToken)
    globals.values["eos_token"] = .string(inputs.eosToken)
    let renderer = TemplateRenderer(globals: globals, date: inputs.date.map { TemplateDate($0) })
    _ = try renderer.run(statements)
    return renderer.output
  }
}
