import KelvinCache
import KelvinEngine
import KelvinText
import TestSupport
import Testing

@Suite("A conversation reads only what is new")
struct ConversationTests {
  /// Asks, and hears an answer that ends by itself where `bias` makes the model end it, otherwise after 6 tokens.
  private func turn(
    _ conversation: inout Conversation, _ text: String, bias: Float
  ) async throws -> (request: GenerationRequest, result: GenerationResult) {
    var request = try await conversation.request(saying: text)
    request.maximumTokens = 6
    request.sampling.logitBias = [TinyEngine.end: bias]
    let result = try #require(try await Collected(conversation.stream(request)).result)
    conversation.hear(result)
    return (request, result)
  }

  /// The tokens of the whole conversation, with the beginning of an answer.
  private func whole(_ messages: [ChatMessage], _ engine: Engine) throws -> [Int32] {
    try engine.loaded.requireTokenizer().encode(engine.loaded.render(messages), addSpecial: false)
  }

  @Test("after an answer that the model ended, the next turn reads the rest of the template's text")
  func reuse() async throws {
    try await TinyEngine.withChat { engine in
      var conversation = try await Conversation(engine, options: CacheOptions(), system: "Be brief.")
      let first = try await turn(&conversation, "Hello", bias: 1000)
      #expect(first.result.stopReason == .end)
      #expect(first.request.prompt == (try whole(Array(conversation.messages.prefix(2)), engine)))
      let second = try await turn(&conversation, "Again", bias: 1000)
      let all = try whole(Array(conversation.messages.prefix(4)), engine)
      #expect(first.request.prompt + second.request.prompt == all)
      #expect(await conversation.report().seen == all.count)
      #expect(conversation.messages.map(\.role) == ["system", "user", "assistant", "user", "assistant"])
    }
  }

  @Test("the answer is the one that a cache which read everything anew gives")
  func sameAnswer() async throws {
    try await TinyEngine.withChat { engine in
      var conversation = try await Conversation(engine, options: CacheOptions())
      _ = try await turn(&conversation, "Hello", bias: 1000)
      let second = try await turn(&conversation, "Tell me more", bias: 0)
      var request = GenerationRequest(prompt: try whole(Array(conversation.messages.prefix(3)), engine))
      request.maximumTokens = 6
      #expect(try await Collected(engine.generate(request)).tokens == second.result.tokens)
    }
  }

  @Test("after an answer that was cut off, everything is read again, because its last token never was")
  func cutOff() async throws {
    try await TinyEngine.withChat { engine in
      var conversation = try await Conversation(engine, options: CacheOptions())
      #expect(try await turn(&conversation, "Hello", bias: -1000).result.stopReason == .length)
      let second = try await turn(&conversation, "Again", bias: 1000)
      #expect(second.request.prompt == (try whole(Array(conversation.messages.prefix(3)), engine)))
    }
  }

  @Test("a cleared conversation begins anew")
  func clear() async throws {
    try await TinyEngine.withChat { engine in
      var conversation = try await Conversation(engine, options: CacheOptions(), system: "Be brief.")
      _ = try await turn(&conversation, "Hello", bias: 1000)
      try await conversation.clear(system: nil)
      #expect(conversation.messages.isEmpty && conversation.system == nil)
      #expect(await conversation.report().seen == 0)
      let request = try await conversation.request(saying: "Hello")
      #expect(request.prompt == (try whole([ChatMessage(role: "user", content: "Hello")], engine)))
    }
  }

  @Test("a model without a chat template is refused by name")
  func noTemplate() async throws {
    let engine = try await TinyEngine.make()
    await #expect(throws: EngineError.noChatTemplate(model: "llama-gqa")) {
      try await Conversation(engine, options: CacheOptions())
    }
  }
}
