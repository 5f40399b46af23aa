import KelvinEngine
import KelvinPolicies
import Testing

@Suite("--kv-protect says in one word what several options of a policy mean")
struct ProtectOptionTests {
  @Test(
    "sinks and recent entries are counted, kinds are joined",
    arguments: [
      ("h2o", "recent:64", "h2o:recent=64"),
      ("h2o:budget=20%", "recent:64,special,newline", "h2o:budget=20%,recent=64,protect=special+newline"),
      (
        "vatp:sinks=20", "sinks:4,recent:64,special,punctuation,newline,prompt",
        "vatp:sinks=4,recent=64,protect=special+punctuation+newline+prompt"
      ),
      ("streaming", "sinks:1", "streaming:sinks=1"),
    ])
  func meaning(_ policy: String, _ text: String, _ expected: String) throws {
    var specification = try PolicySpecification(policy)
    try specification.protect(text)
    #expect(specification.description == expected)
    _ = try PolicyRegistry.make(specification)
  }

  @Test(
    "what the policy cannot protect is refused with what it can",
    arguments: [
      (
        "h2o", "sinks:4",
        "'sinks:4' with policy 'h2o' is not possible, expected recent:N, special, punctuation, newline, prompt"
      ),
      (
        "full", "prompt",
        "'prompt' with policy 'full' is not possible, expected another policy, as this one protects nothing"
      ),
    ])
  func notOfThisPolicy(_ policy: String, _ text: String, _ sentence: String) throws {
    try expectRefusal(policy, text, "option 'kv-protect': \(sentence)")
  }

  @Test(
    "what is not of this form is refused with the form", arguments: ["", "sinks", "sinks:4,", "special:3", "none", "x"])
  func malformed(_ text: String) throws {
    let part = text.hasSuffix(",") ? "" : text
    try expectRefusal(
      "vatp", text,
      "option 'kv-protect': '\(part)' is not possible, "
        + "expected sinks:N, recent:N, special, punctuation, newline, prompt")
  }

  @Test("a count that is none is refused by the policy")
  func count() throws {
    var specification = PolicySpecification(name: "vatp")
    try specification.protect("sinks:many")
    #expect(throws: PolicyError.self) { try PolicyRegistry.make(specification) }
  }

  private func expectRefusal(_ policy: String, _ text: String, _ sentence: String) throws {
    var specification = try PolicySpecification(policy)
    #expect {
      try specification.protect(text)
    } throws: { error in
      "\(error)" == sentence
    }
  }
}
