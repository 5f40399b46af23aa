import Foundation
import KelvinText
import Testing

@Suite("Chat templates")
struct ChatTemplateTests {
  @Test("render what Jinja2 renders")
  func goldens() throws {
    let golden = try Fixture.json("templates.json")
    let conversations = try Fixture.array(golden, "conversations")
    let templates = try Fixture.array(golden, "templates")
    #expect(templates.count == 16)
    for value in templates {
      let name = try Fixture.string(value, "name")
      let template = try ChatTemplate(source: Fixture.string(value, "source"))
      for (index, (conversation, result)) in try zip(conversations, Fixture.array(value, "results")).enumerated() {
        let rendered = Result { () throws(TextError) in try Self.render(template, conversation) }
        let title = Comment(rawValue: "\(name), conversation \(index)")
        if let text = result["text"]?.string {
          #expect(try rendered.get() == text, title)
        } else if let message = result["raises"]?.string {
          #expect(rendered == .failure(.templateRaised(message: message)), title)
        } else {
          guard case .failure(.templateFailure) = rendered else {
            Issue.record("\(name), conversation \(index): \(rendered), expected a failure")
            continue
          }
        }
      }
    }
  }

  private static func render(_ template: ChatTemplate, _ conversation: JSONValue) throws(TextError) -> String {
    // 9 March 2026, 14:05:07 in Greenwich, as in make_templates.py.
    var inputs = ChatTemplate.Inputs(
      addGenerationPrompt: conversation["add_generation_prompt"]?.boolean ?? false, bosToken: "<s>", eosToken: "</s>",
      date: Date(timeIntervalSince1970: 1_773_065_107))
    if let tools = conversation["tools"] { inputs.variables["tools"] = tools }
    return try template.render(messages: conversation["messages"] ?? [], inputs)
  }

  @Test("those with a name give what Jinja2 gives")
  func named() throws {
    let golden = try Fixture.json("named-templates.json")
    let conversations = try Fixture.array(golden, "conversations")
    let templates = try Fixture.array(golden, "templates")
    #expect(try templates.map { try Fixture.string($0, "name") } == ChatTemplateRegistry.all.map(\.name))
    for (value, named) in zip(templates, ChatTemplateRegistry.all) {
      // Both read the same text.
      #expect(named.source == (try Fixture.string(value, "source")))
      let template = try ChatTemplate(source: named.source)
      for (conversation, result) in try zip(conversations, Fixture.array(value, "results")) {
        let rendered = Result { () throws(TextError) in try Self.render(template, conversation) }
        if let text = result["text"]?.string {
          #expect(try rendered.get() == text, "\(named.name)")
        } else {
          #expect(
            rendered == .failure(.templateRaised(message: try Fixture.string(result, "raises"))), "\(named.name)")
        }
      }
    }
  }

  @Test("chatml writes what SmolLM2's own template writes, where that adds no system message")
  func chatml() throws {
    let source = try Fixture.array(Fixture.json("templates.json"), "templates").last { $0["name"] == "smollm2" }
    let own = try ChatTemplate(source: Fixture.string(#require(source), "source"))
    let chatml = try ChatTemplate(source: #require(ChatTemplateRegistry.template("chatml")).source)
    let messages = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello."), ("user", "Why?")].map {
      ChatMessage(role: $0, content: $1)
    }
    #expect(try chatml.render(messages) == own.render(messages))
  }

  @Test("SmolLM2's conversations give the golden text and ids")
  func smollm2() throws {
    let golden = try Fixture.json("templates.json")
    let source = try Fixture.array(golden, "templates").last { $0["name"] == "smollm2" }
    let template = try ChatTemplate(source: Fixture.string(#require(source), "source"))
    let tokenizer = try Fixture.smollm2.get()
    for value in try #require(Fixture.json("smollm2.chat.json").array) {
      let messages = try Fixture.array(value, "messages").map {
        try ChatMessage(role: Fixture.string($0, "role"), content: Fixture.string($0, "content"))
      }
      let inputs = ChatTemplate.Inputs(addGenerationPrompt: value["addGenerationPrompt"]?.boolean ?? false)
      let text = try template.render(messages, inputs)
      #expect(text == (try Fixture.string(value, "text")))
      #expect(tokenizer.encode(text) == (try Fixture.ids(value, "ids")))
    }
  }

  @Test("lists can be appended to, although Hugging Face's sandbox forbids it")
  func append() throws {
    let template = try ChatTemplate(
      source: "{% set l = [] %}{% for m in messages %}{% set _ = l.append(m.role) %}{% endfor %}{{ l | join(' ') }}")
    #expect(
      try template.render([ChatMessage(role: "user", content: ""), ChatMessage(role: "tool", content: "")])
        == "user tool")
  }

  @Test(
    "what does not parse is refused with its line",
    arguments: [
      "\n{% if %}", "a\n{{ 1 + }}", "\n{% for x in y %}", "\n{{ 'open", "\n{% endif %}", "\n{% include 'x' %}",
      "\n{{ a b }}",
      "\n{{ (1 }}", "\n{# never closed", "\n{% set = 1 %}", "\n{{ a[1:2:3:4] }}", "\n{{ 99999999999999999999 }}",
      "\n{{ a ? b }}",
    ])
  func syntax(source: String) {
    do throws(TextError) {
      _ = try ChatTemplate(source: source)
      Issue.record("parsed")
    } catch {
      guard case .templateSyntax(line: 2, _) = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  @Test("every beginning of a template parses or is refused")
  func truncated() throws {
    for value in try Fixture.array(Fixture.json("templates.json"), "templates") {
      let scalars = Array(try Fixture.string(value, "source").unicodeScalars)
      for count in stride(from: 0, to: scalars.count, by: 23) {
        var source = ""
        source.unicodeScalars.append(contentsOf: scalars[..<count])
        _ = try? ChatTemplate(source: source).render([ChatMessage(role: "user", content: "Hi")])
      }
    }
  }

  /// Sources by name, so that a failure does not print twenty thousand brackets.
  static let hostile: [String: (TemplateLimit, String)] = [
    "loops in loops": (.steps, "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
    "long searches": (
      .steps, "{% set s = 'x' * 999999 %}{% for a in range(99999) %}{{ 'y' in s }}{% endfor %}"
    ),
    "shared lists": (
      .bytes, "{% set n = namespace(l=[1]) %}{% for a in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}"
    ),
    "doubling text": (
      .bytes, "{% set n = namespace(s='x') %}{% for a in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}"
    ),
    "repeated text": (.bytes, "{{ 'x' * 999999999999 }}"),
    "long output": (.bytes, "{% set s = 'x' * 3999999 %}{{ s }}{{ s }}"),
    "long range": (.members, "{{ range(4000000000) }}"),
    "long list": (.members, "{% set l = [1] * 99999 %}{{ l + l }}"),
    "recursion": (.nesting, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
    "list in itself": (.nesting, "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}"),
    "JSON of a list in itself": (.nesting, "{% set l = [] %}{% set _ = l.append(l) %}{{ l | tojson }}"),
    "equality of lists in themselves": (
      .nesting, "{% set l = [] %}{% set k = [] %}{% set _ = l.append(l) %}{% set _ = k.append(k) %}{{ l == k }}"
    ),
    "deep blocks": (.nesting, repeated("{% if true %}")),
    "deep brackets": (.nesting, "{{ " + repeated("(") + " }}"),
    "deep lists": (.nesting, "{{ " + repeated("[") + " }}"),
    "long sum": (.nesting, "{{ 1" + repeated(" + 1") + " }}"),
    "long path": (.nesting, "{{ a" + repeated(".a") + " }}"),
    "long choice": (.nesting, "{{ 1" + repeated(" if 1 else 1") + " }}"),
    "many filters": (.nesting, "{{ a" + repeated("|e") + " }}"),
  ]

  private static func repeated(_ text: String) -> String { String(repeating: text, count: 20_000) }

  @Test("hostile templates hit a limit instead of hanging", arguments: hostile.keys.sorted())
  func limits(name: String) async throws {
    let (limit, source) = try #require(Self.hostile[name])
    let result = await Self.onSmallThread { () throws(TextError) in try ChatTemplate(source: source).render([]) }
    guard case .failure(.templateLimit(_, limit, _)) = result else {
      Issue.record("\(result)")
      return
    }
  }

  /// Runs on a thread with the stack of Swift's own threads on macOS; unoptimised code takes some five times as much.
  private static func onSmallThread(
    _ body: @escaping @Sendable () throws(TextError) -> String
  ) async -> Result<String, TextError> {
    await withCheckedContinuation { continuation in
      let thread = Thread { continuation.resume(returning: Result(catching: body)) }
      #if DEBUG
        thread.stackSize = 4096 * 1024
      #else
        thread.stackSize = 512 * 1024
      #endif
      thread.start()
    }
  }
}
