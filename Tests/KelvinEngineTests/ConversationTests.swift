import Foundation
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
      #expect(second.request.prompt == all)
      #expect(second.result.reusedTokens == all.count - (second.result.promptTokens - second.result.reusedTokens))
      #expect(second.result.reusedTokens == first.result.promptTokens + first.result.tokens.count)
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

  @Test("after an answer that was cut off, its last token is read, and what follows")
  func cutOff() async throws {
    try await TinyEngine.withChat { engine in
      var conversation = try await Conversation(engine, options: CacheOptions())
      let first = try await turn(&conversation, "Hello", bias: -1000).result
      #expect(first.stopReason == .length)
      let read = await conversation.report().seen
      #expect(read == first.promptTokens + first.tokens.count - 1)
      let second = try await turn(&conversation, "Again", bias: 1000)
      #expect(second.request.prompt == (try whole(Array(conversation.messages.prefix(3)), engine)))
      // Where the answer's bytes are no text, the template writes others.
      #expect(second.result.reusedTokens > 0 && second.result.reusedTokens <= read)
      #expect(await conversation.report().seen == second.result.promptTokens + second.result.tokens.count)
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

  @Test("a saved conversation goes on as the first one would have")
  func saving() async throws {
    try await TinyEngine.withChat { engine in
      try await Fixtures.withFolder { folder in
        let path = folder.appendingPathComponent("talk.cache").path
        var conversation = try await Conversation(engine, options: CacheOptions(), system: "Be brief.")
        _ = try await turn(&conversation, "Hello", bias: 1000)
        try await conversation.save(to: path)
        var loaded = try await Conversation(engine, options: CacheOptions())
        try await loaded.load(from: path)
        #expect(loaded.messages == conversation.messages && loaded.system == "Be brief.")
        let expected = try await turn(&conversation, "More", bias: 0).result
        let found = try await turn(&loaded, "More", bias: 0).result
        #expect(found.tokens == expected.tokens && found.kv == expected.kv)
        #expect(found.reusedTokens == expected.reusedTokens && found.reusedTokens > 0)
      }
    }
  }

  @Test("a session that is no conversation is refused, and the conversation goes on")
  func noConversation() async throws {
    try await TinyEngine.withChat { engine in
      try await Fixtures.withFolder { folder in
        let path = folder.appendingPathComponent("prompt.cache").path
        try await engine.save(engine.makeSession(), to: path)
        var conversation = try await Conversation(engine, options: CacheOptions())
        _ = try await turn(&conversation, "Hello", bias: 1000)
        let messages = conversation.messages
        await #expect(throws: EngineError.self) { try await conversation.load(from: path) }
        #expect(conversation.messages == messages)
        #expect(try await turn(&conversation, "More", bias: 1000).result.reusedTokens > 0)
      }
    }
  }
}
