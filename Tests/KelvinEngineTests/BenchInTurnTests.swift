import KelvinCache
import KelvinEngine
import TestSupport
import Testing

@Suite("Caches that take turns in a bench")
struct BenchInTurnTests {
  private func results(_ bench: BenchCase, _ policies: [String], repetitions: Int) async throws -> [BenchResult] {
    try await TinyEngine.make().bench(bench, repetitions: repetitions, inTurn: try policies.map(TinyEngine.cache))
  }

  @Test("a cache that can go back begins every repetition alike, one that cannot goes on")
  func goingOn() async throws {
    let bench = BenchCase(prompt: 0, generated: 4, depth: 30)
    let found = try await results(bench, ["full", "h2o:budget=20", "h2o:budget=99"], repetitions: 3)
    #expect(found.map(\.kv.policy) == ["full", "h2o:budget=20", "h2o:budget=99"])
    #expect(found.map(\.speeds.count) == [3, 3, 3])
    // A warm-up and three repetitions of four steps.
    #expect(found.map(\.kv.seen) == [34, 30 + 4 * 4, 34])
    #expect(found.map(\.kv.kept) == [34, 20, 34])
  }

  @Test("a cache that goes on begins anew where its context ends")
  func beginningAnew() async throws {
    // 250 tokens and 4 steps fit the context of 256 tokens once.
    let bench = BenchCase(prompt: 0, generated: 4, depth: 250)
    let found = try await results(bench, ["full", "h2o:budget=20"], repetitions: 2)
    #expect(found.map(\.kv.seen) == [254, 254])
  }

  @Test("every repetition of a prompt reads it again")
  func prompts() async throws {
    let found = try await results(
      BenchCase(prompt: 12, generated: 0, depth: 8), ["full", "streaming:budget=10"], repetitions: 2)
    #expect(found.map(\.kv.seen) == [20, 20])
    #expect(found.map(\.kv.kept) == [20, 10])
  }

  @Test("speeds are compared with those of the first cache in the same repetitions, and the middle ratio counts")
  func ratios() async throws {
    var found = try await results(BenchCase(prompt: 0, generated: 2, depth: 8), ["full", "full"], repetitions: 3)
    #expect(found[1].speedsBeside == found[0].speeds)
    #expect(found[0].ratio == 1 && found[0].ratioError == 0)
    found[1].speedsBeside = [10, 20, 40]
    found[1].speeds = [9, 20, 32]
    #expect(found[1].ratio == 0.9)
    // Deviations of 0, 0.1 and 0.1 from the middle.
    #expect(abs(found[1].ratioError - 1.4826 * 0.1 * (Double.pi / 2 / 3).squareRoot()) < 1e-12)
  }

  @Test("who ends it in the warm-up gets nothing, later what is done")
  func ended() async throws {
    let bench = BenchCase(prompt: 0, generated: 2, depth: 8)
    let caches = [try TinyEngine.cache("full"), try TinyEngine.cache("window:budget=4")]
    let none = try await TinyEngine.make().bench(bench, repetitions: 5, inTurn: caches) { $0 < 1 }
    #expect(none.isEmpty)
    let some = try await TinyEngine.make().bench(bench, repetitions: 5, inTurn: caches) { $0 < 3 }
    #expect(some.map(\.speeds.count) == [2, 2])
  }

  @Test("alone, a cache has no ratio")
  func alone() async throws {
    let bench = BenchCase(prompt: 0, generated: 2, depth: 8)
    let found = try await TinyEngine.make().bench(bench, repetitions: 1, options: TinyEngine.cache("full"))
    #expect(found.ratio == nil)
  }
}
