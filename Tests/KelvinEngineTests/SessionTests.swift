import Foundation
import KelvinAttention
import KelvinCache
import KelvinEngine
import KelvinPolicies
import TestSupport
import Testing

@Suite("A session can be forked, saved, loaded, and used again for a text that begins alike")
struct SessionTests {
  private func request(_ prompt: [Int32], _ count: Int = 8) -> GenerationRequest {
    var request = GenerationRequest(prompt: prompt)
    request.maximumTokens = count
    request.sampling.temperature = 0
    request.ignoresEnd = true
    return request
  }

  private func result(_ stream: AsyncThrowingStream<GenerationEvent, any Error>) async throws -> GenerationResult {
    try #require(try await Collected(stream).result)
  }

  @Test("a saved session goes on with the same tokens and the same cache", arguments: PolicyRegistry.all.map(\.name))
  func saving(_ policy: String) async throws {
    let engine = try await TinyEngine.make()
    let options = try TinyEngine.cache(policy)
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("a.cache").path
      let session = try await engine.makeSession(options)
      _ = try await result(engine.generate(request(TinyEngine.prompt(100)), in: session))
      try await engine.save(session, to: path)
      let loaded = try await engine.loadSession(from: path, options: options)
      #expect(await engine.tokens(of: loaded) == engine.tokens(of: session))
      #expect(await engine.report(of: loaded) == engine.report(of: session))
      let next = request([7, 8, 9], 20)
      let expected = try await result(engine.generate(next, in: session))
      let found = try await result(engine.generate(next, in: loaded))
      #expect(found.tokens == expected.tokens && found.kv == expected.kv)
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.cache"])
    }
  }

  @Test(
    "a prompt file is written after the prompt, and the same prompt is not read again, whatever left",
    arguments: ["full", "h2o"])
  func promptFile(_ policy: String) async throws {
    let engine = try await TinyEngine.make()
    let options = try TinyEngine.cache(policy)
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("prompt.cache").path
      var first = request(TinyEngine.prompt(100))
      first.promptFile = path
      let expected = try await result(engine.generate(first, options: options))
      let loaded = try await engine.loadSession(from: path, options: options)
      #expect(await engine.tokens(of: loaded) == first.prompt)
      let again = try await result(engine.generate(first, reusing: loaded))
      #expect(again.reusedTokens == 100 && again.promptTokens == 100)
      #expect(again.tokens == expected.tokens && again.kv == expected.kv)
      let longer = try await engine.loadSession(from: path, options: options)
      let more = try await result(engine.generate(request(first.prompt + [5, 6]), reusing: longer))
      #expect(more.reusedTokens == 100 && more.promptTokens == 102)
    }
  }

  @Test("the full cache goes back to where two texts part; the answer is that of a fresh one")
  func prefix() async throws {
    let engine = try await TinyEngine.make()
    let session = try await engine.makeSession()
    let text = TinyEngine.prompt(90)
    _ = try await result(engine.generate(request(text), reusing: session))
    for other in [Array(text.prefix(70)) + [1, 2, 3], Array(text.prefix(30)), text + [4], [319, 2]] {
      let common = zip(await engine.tokens(of: session), other.dropLast()).prefix { $0 == $1 }.count
      let found = try await result(engine.generate(request(other), reusing: session))
      let fresh = try await result(engine.generate(request(other)))
      #expect(found.reusedTokens == common && fresh.reusedTokens == 0)
      #expect(found.tokens == fresh.tokens)
      #expect(found.kv == fresh.kv)
    }
  }

  @Test("a policy that has let entries go begins anew where it would have to go back")
  func cannotGoBack() async throws {
    let engine = try await TinyEngine.make()
    let options = try TinyEngine.cache("window:budget=32")
    let session = try await engine.makeSession(options)
    let text = TinyEngine.prompt(90)
    _ = try await result(engine.generate(request(text), reusing: session))
    let other = Array(text.prefix(70)) + [1, 2, 3]
    let found = try await result(engine.generate(request(other), reusing: session))
    #expect(found.reusedTokens == 0)
    let fresh = try await result(engine.generate(request(other), options: options))
    #expect(found.tokens == fresh.tokens && found.kv == fresh.kv)
  }

  @Test("two forks answer as two sessions that read everything would")
  func fork() async throws {
    let engine = try await TinyEngine.make()
    let parent = try await engine.makeSession()
    let text = TinyEngine.prompt(90)
    _ = try await result(engine.generate(request(text, 0), in: parent))
    for end in [[11], [12, 13]] as [[Int32]] {
      let fork = try await engine.fork(parent)
      let found = try await result(engine.generate(request(end), in: fork))
      let fresh = try await result(engine.generate(request(text + end)))
      #expect(found.tokens == fresh.tokens)
      // Three layers of two heads: the first of their two pages is full and stays shared.
      #expect(found.kv.sharedBytes == found.kv.bytes / 2)
    }
    #expect(await engine.tokens(of: parent) == text)
  }

  @Test("a file of another model, another policy or no cache at all is refused, each with its reason")
  func refusals() async throws {
    let engine = try await TinyEngine.make()
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("a.cache").path
      let session = try await engine.makeSession()
      _ = try await result(engine.generate(request([1, 2, 3]), in: session))
      try await engine.save(session, to: path)
      func refusal(_ engine: Engine, _ path: String, _ policy: String = "full") async throws -> String {
        let options = try TinyEngine.cache(policy)
        do {
          _ = try await engine.loadSession(from: path, options: options)
          return "nothing"
        } catch {
          return error.description
        }
      }
      let other = try await Engine(path: Fixtures.path("llama-mha"))
      #expect(try await refusal(other, path).contains("made for another model: 'llama-gqa'"))
      #expect(
        try await refusal(engine, path, "h2o").contains("made for another policy: 'full', expected h2o:budget=20%"))
      let weights = Fixtures.path("llama-gqa/model.safetensors")
      #expect(try await refusal(engine, weights) == "\(weights): this is no cache file of Kelvin")
      #expect(try await refusal(engine, folder.path) == "\(folder.path): this is no file that can be read")
      let missing = folder.appendingPathComponent("b.cache").path
      #expect(try await refusal(engine, missing) == "\(missing): the file cannot be read; check the path")
    }
  }

  @Test("damage anywhere in a session's file is noticed")
  func damage() async throws {
    let engine = try await TinyEngine.make()
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("a.cache")
      let session = try await engine.makeSession()
      _ = try await result(engine.generate(request([1, 2, 3]), in: session))
      try await engine.save(session, to: path.path)
      let file = try Data(contentsOf: path)
      for place in stride(from: 0, to: file.count, by: 97) {
        var damaged = file
        damaged[place] ^= 1 << (place % 8)
        try damaged.write(to: path)
        await #expect(throws: EngineError.self) { try await engine.loadSession(from: path.path) }
        try file.prefix(place).write(to: path)
        await #expect(throws: EngineError.self) { try await engine.loadSession(from: path.path) }
      }
    }
  }

  @Test("a file that cannot be written leaves the one before it as it was")
  func unwritable() async throws {
    let engine = try await TinyEngine.make()
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("nowhere/a.cache").path
      let session = try await engine.makeSession()
      await #expect(throws: EngineError.unwritableCache(file: path, reason: "no file can be made in its folder")) {
        try await engine.save(session, to: path)
      }
      guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
      await #expect(throws: EngineError.self) { try await engine.save(session, to: "/dev/full") }
      let kind = try FileManager.default.attributesOfItem(atPath: "/dev/full")[.type] as? FileAttributeType
      #expect(kind == .typeCharacterSpecial)
    }
  }

  @Test("a sequence that reaches its limit says so and can still be read, saved and gone on with")
  func limit() async throws {
    let engine = try await TinyEngine.make()
    var options = CacheOptions()
    options.limit = 12 * 4096
    options.chunk = 32
    let session = try await engine.makeSession(options)
    await #expect(throws: EngineError.self) {
      try await result(engine.generate(request(TinyEngine.prompt(200)), in: session))
    }
    let report = await engine.report(of: session)
    #expect(report.seen == 128 && report.bytes <= 12 * 4096 && report.kept == 128)
    #expect(await engine.tokens(of: session) == Array(TinyEngine.prompt(200).prefix(128)))
    let shorter = Array(TinyEngine.prompt(200).prefix(100))
    let found = try await result(engine.generate(request(shorter), reusing: session))
    #expect(found.reusedTokens == 99)
    #expect(try await found.tokens == result(engine.generate(request(shorter))).tokens)
  }
}
