import KelvinEngine
import TestSupport
import Testing

@Suite("A session of a model that puts a sink in front")
struct SinkSessionTests {
  @Test("goes back to a common beginning, and says what a fresh one says")
  func reuse() async throws {
    let engine = try await Engine(path: Fixtures.path("sink-learned"))
    let session = try await engine.makeSession()
    let first: [Int32] = [5, 17, 200, 31, 8, 99]
    let second: [Int32] = [5, 17, 200, 40, 41]
    func answer(_ prompt: [Int32], in session: Session) async throws -> [Int32] {
      var request = GenerationRequest(prompt: prompt)
      request.maximumTokens = 4
      request.sampling.temperature = 0
      var tokens: [Int32] = []
      for try await event in engine.generate(request, reusing: session) {
        if case .token(let token, _) = event { tokens.append(token) }
      }
      return tokens
    }
    _ = try await answer(first, in: session)
    let found = try await answer(second, in: session)
    #expect(try await found == answer(second, in: engine.makeSession()))
    #expect(found.count == 4)
  }
}
