import KelvinCache
import KelvinEngine
import KelvinPolicies
import KelvinTensors
import TestSupport
import Testing

@Suite("A request is carried out until something ends it")
struct GenerationTests {
  private func request(_ prompt: Int = 20, tokens: Int? = 12, seed: UInt64 = 1) -> GenerationRequest {
    var request = GenerationRequest(prompt: TinyEngine.prompt(prompt, seed: seed))
    request.maximumTokens = tokens
    request.ignoresEnd = true
    return request
  }

  @Test("as many tokens as were asked for, counted and reported")
  func length() async throws {
    let engine = try await TinyEngine.make()
    let collected = try await Collected(engine.generate(request()))
    let result = try #require(collected.result)
    #expect(result.stopReason == .length)
    #expect(result.tokens.count == 12 && result.tokens == collected.tokens)
    #expect(result.promptTokens == 20)
    // The last token is never fed back.
    #expect(result.decodeSteps == 11)
    #expect(result.kv.seen == 31)
    #expect(result.kv.kept == 31)
    #expect(result.prefillSeconds > 0 && result.decodeSeconds > 0)
  }

  @Test("no tokens where none were asked for")
  func nothing() async throws {
    let engine = try await TinyEngine.make()
    let result = try #require(try await Collected(engine.generate(request(tokens: 0))).result)
    #expect(result.tokens.isEmpty && result.stopReason == .length)
  }

  @Test("until the context is full where no number was given")
  func context() async throws {
    let engine = try await TinyEngine.make()
    let result = try #require(try await Collected(engine.generate(request(250, tokens: nil))).result)
    #expect(result.stopReason == .length)
    #expect(result.tokens.count == 6)
  }

  @Test("until the model ends its answer; the end is not part of it, unless it is to be ignored")
  func end() async throws {
    try await TinyEngine.withChat { engine in
      var ending = request()
      ending.ignoresEnd = false
      ending.sampling.logitBias = [TinyEngine.end: 1000]
      let result = try #require(try await Collected(engine.generate(ending)).result)
      #expect(result.stopReason == .end)
      #expect(result.tokens.isEmpty && result.text.isEmpty)
      ending.ignoresEnd = true
      let going = try #require(try await Collected(engine.generate(ending)).result)
      #expect(going.tokens == Array(repeating: TinyEngine.end, count: 12))
      #expect(going.stopReason == .length)
    }
  }

  @Test("until a stop string, which is not shown")
  func stop() async throws {
    try await TinyEngine.withChat { engine in
      var talking = request(tokens: 40)
      for letter in TinyEngine.letters { talking.sampling.logitBias[letter] = 1000 }
      talking.sampling.temperature = 50
      talking.sampling.seed = 3
      let whole = try #require(try await Collected(engine.generate(talking)).result)
      #expect(whole.text.count == 40 && whole.text.allSatisfy { "abcde".contains($0) })
      let stop = String(whole.text.dropFirst(10).prefix(4))
      let start = try #require(whole.text.indices.first { whole.text[$0...].hasPrefix(stop) })
      talking.stopStrings = ["xyz", stop]
      let collected = try await Collected(engine.generate(talking))
      #expect(collected.result?.stopReason == .stop)
      #expect(collected.text == String(whole.text[..<start]))
      #expect(collected.result?.text == collected.text)
    }
  }

  @Test("a cancelled request ends with what there is, statistics included")
  func cancellation() async throws {
    let engine = try await TinyEngine.make()
    var endless = request(tokens: 1_000_000)
    endless.cancellation = Cancellation()
    let cancellation = endless.cancellation
    let stream = engine.generate(endless, options: try TinyEngine.cache("streaming:budget=32"))
    let collected = try await Collected(stream) { if $0 == 5 { cancellation.cancel() } }
    let result = try #require(collected.result)
    #expect(result.stopReason == .cancelled)
    #expect(result.tokens.count >= 5 && result.tokens.count < 1_000_000)
    #expect(result.kv.seen == 20 + result.decodeSteps)
    #expect(result.kv.kept == Double(min(32, result.kv.seen)))
  }

  @Test("an engine may be dropped as soon as it is made, and in the middle of its work")
  func dropped() async throws {
    for _ in 0..<20 { _ = try await TinyEngine.make() }
    for _ in 0..<5 {
      let stream = try await TinyEngine.make().generate(request(tokens: 200))
      for try await _ in stream { break }
    }
  }

  @Test("a request can be carried out again")
  func again() async throws {
    let engine = try await TinyEngine.make()
    let request = request()
    let first = try await Collected(engine.generate(request)).tokens
    #expect(try await Collected(engine.generate(request)).tokens == first)
    #expect(!request.cancellation.isCancelled)
  }

  @Test("a request that was cancelled before it began reads nothing")
  func cancelledBefore() async throws {
    let engine = try await TinyEngine.make()
    let cancelled = request()
    cancelled.cancellation.cancel()
    let result = try #require(try await Collected(engine.generate(cancelled)).result)
    #expect(result.stopReason == .cancelled)
    #expect(result.tokens.isEmpty && result.kv.seen == 0)
  }

  @Test("two requests at once give the tokens that each gives alone")
  func together() async throws {
    let engine = try await TinyEngine.make()
    let options = try TinyEngine.cache("h2o:budget=16")
    let requests = [request(30, tokens: 60, seed: 1), request(40, tokens: 50, seed: 2)]
    var alone: [[Int32]] = []
    for request in requests {
      alone.append(try await Collected(engine.generate(request, options: options)).tokens)
    }
    async let first = Collected(engine.generate(requests[0], options: options)).tokens
    async let second = Collected(engine.generate(requests[1], options: options)).tokens
    let found = try await [first, second]
    #expect(found == alone)
    #expect(alone[0] != alone[1])
  }

  @Test("without a cache every token is the same")
  func uncached() async throws {
    let engine = try await TinyEngine.make()
    var options = try TinyEngine.cache("full")
    options.formats = EntryFormats(keys: .f32, values: .f32)
    let cached = try await Collected(engine.generate(request(), options: options))
    options.isCached = false
    options.chunk = 16
    let uncached = try await Collected(engine.generate(request(), options: options))
    #expect(uncached.tokens == cached.tokens)
    #expect(uncached.result?.kv.policy == "none")
    #expect(uncached.result?.kv.kept == 0)
    #expect(uncached.result?.kv.seen == 31)
  }

  @Test("the same seed gives the same text")
  func seeds() async throws {
    let engine = try await TinyEngine.make()
    var drawn = request(tokens: 30)
    drawn.sampling.temperature = 2
    drawn.sampling.seed = 77
    let first = try await Collected(engine.generate(drawn)).tokens
    #expect(try await Collected(engine.generate(drawn)).tokens == first)
    drawn.sampling.seed = 78
    #expect(try await Collected(engine.generate(drawn)).tokens != first)
  }

  @Test("a session goes on where it stands")
  func session() async throws {
    let engine = try await TinyEngine.make()
    let whole = try await Collected(engine.generate(request(20, tokens: 1))).tokens
    let session = try await engine.makeSession()
    var first = request(20, tokens: 0)
    first.prompt = Array(first.prompt.prefix(13))
    var second = request(20, tokens: 1)
    second.prompt = Array(second.prompt.suffix(7))
    _ = try await Collected(engine.generate(first, in: session))
    #expect(try await Collected(engine.generate(second, in: session)).tokens == whole)
    #expect(await engine.tokens(of: session) == TinyEngine.prompt(20))
    #expect(await engine.report(of: session).seen == 20)
  }
}

@Suite("What cannot be carried out is refused in one sentence")
struct RefusalTests {
  private func refusal(
    _ prompt: [Int32], tokens: Int = 5, _ change: (inout CacheOptions) -> Void = { _ in }
  ) async throws -> EngineError? {
    let engine = try await TinyEngine.make()
    var request = GenerationRequest(prompt: prompt)
    request.maximumTokens = tokens
    var options = CacheOptions()
    change(&options)
    do {
      _ = try await Collected(engine.generate(request, options: options))
      return nil
    } catch let error as EngineError {
      #expect(!error.description.contains("\n") && !error.description.isEmpty)
      return error
    }
  }

  @Test("a prompt that does not fit the context, and an answer that would not")
  func overflow() async throws {
    #expect(try await refusal(TinyEngine.prompt(300)) == .contextOverflow(tokens: 304, context: 256))
    #expect(try await refusal(TinyEngine.prompt(253)) == .contextOverflow(tokens: 257, context: 256))
    #expect(try await refusal(TinyEngine.prompt(252)) == nil)
    #expect(try await refusal(TinyEngine.prompt(40)) { $0.context = 32 } == .contextOverflow(tokens: 44, context: 32))
  }

  @Test("a policy that closes ranks reads any length")
  func closingRanks() async throws {
    let policy = try PolicySpecification("streaming:budget=64")
    #expect(try await refusal(TinyEngine.prompt(1000)) { $0.policy = policy } == nil)
  }

  @Test("an empty prompt, and a token that the model does not know")
  func prompts() async throws {
    #expect(try await refusal([]) == .emptyPrompt)
    #expect(try await refusal([1, 320]) == .tokenOutsideVocabulary(token: 320, vocabulary: 320))
    #expect(try await refusal([-1]) == .tokenOutsideVocabulary(token: -1, vocabulary: 320))
  }

  @Test("options that make no sense, and policies that do not exist")
  func options() async throws {
    #expect(
      try await refusal([1]) { $0.chunk = 0 }
        == .invalidOption(option: "ubatch-size", found: "0", expected: "at least 1"))
    #expect(
      try await refusal([1]) { $0.context = 0 }
        == .invalidOption(option: "ctx-size", found: "0", expected: "at least 1"))
    let unknown = try PolicySpecification("lru")
    let sentence = PolicyError.unknownPolicy("lru", known: PolicyRegistry.all.map(\.name)).description
    #expect(try await refusal([1]) { $0.policy = unknown } == .policy(sentence))
  }

  @Test("more memory than the limit: the error names what is needed, the limit and what to do")
  func memory() async throws {
    // A page of a head is 64 · (16 + 16) · 2 = 4096 bytes; the first layer's two heads take two.
    #expect(
      try await refusal(TinyEngine.prompt(10)) { $0.limit = 10_000 }
        == .memory(
          "the cache needs 12288 bytes and may take 10000; choose a smaller --kv-budget or a larger --kv-limit"))
    #expect(try await refusal(TinyEngine.prompt(10)) { $0.limit = 6 * 4096 } == nil)
  }
}
