import KelvinCache
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// Goldens of models whose layers remember less than everything, however they are fed.
@Suite("YOCO, DMC and sinks give the logits of the reference")
struct RememberingLessTests {
  static let folders = ["yoco-swa", "yoco-gret", "dmc-llama", "sink-learned", "sink-zero"]

  @Test("in one pass, token by token and in chunks of 7, within 1e-4", arguments: folders, [40, 1, 7])
  func logits(_ folder: String, chunk: Int) throws {
    let golden: CheckpointGolden = try Fixtures.json("\(folder)/golden.json")
    let model = try TestModel(folder)
    var cache = model.cache()
    let distances = golden.distances(try model.read(golden.tokens, chunk: chunk, into: &cache))
    #expect(distances.logits <= GoldenCheckpointTests.tolerance, "\(distances)")
    #expect(distances.nll <= Double(GoldenCheckpointTests.tolerance), "\(distances)")
  }

  @Test("16 greedy tokens, each the same", arguments: folders)
  func greedy(_ folder: String) throws {
    let golden: CheckpointGolden = try Fixtures.json("\(folder)/golden.json")
    let model = try TestModel(folder)
    var cache = model.cache()
    #expect(try model.generate(16, after: golden.tokens, into: &cache) == golden.greedy.newTokens)
  }

  @Test("any number of threads, bit for bit", arguments: folders)
  func threads(_ folder: String) throws {
    let golden: CheckpointGolden = try Fixtures.json("\(folder)/golden.json")
    let logits = try [1, 2, 3].map { threads in
      let model = try TestModel(folder, threads: threads)
      var cache = model.cache()
      return try model.read(golden.tokens, prompt: 30, into: &cache)
    }
    #expect(logits[1] == logits[0] && logits[2] == logits[0])
  }
}
