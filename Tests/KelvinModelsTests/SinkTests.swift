import KelvinAttention
import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("Sinks")
struct SinkTests {
  struct Golden: Decodable {
    var tokens: [Int32]
    var first: Double
    enum CodingKeys: String, CodingKey {
      case tokens
      case first = "nll_of_first_token_predicted_from_the_sink"
    }
  }

  @Test("a learned sink stands before the first token, predicts it, and is entry 0 of every head")
  func learned() throws {
    let golden: Golden = try Fixtures.json("sink-learned/golden.json")
    let model = try TestModel("sink-learned")
    #expect(model.model.leadingTokens == [320])
    #expect(model.model.vocabulary == 320)
    var cache = model.cache()
    cache.beginPrompt(length: 41)
    cache.expect(41)
    let logits = try model.model.logits(
      for: [320] + golden.tokens, wanting: .all, memory: &cache, on: model.processor)
    #expect(logits.columns == 320)
    #expect(abs(negativeLogLikelihood(logits.values(row: 0), of: golden.tokens[0]) - golden.first) <= 1e-4)
    #expect(cache.keptPositions.joined().allSatisfy { $0 == Array(0..<41) })
  }

  @Test("other models put nothing in front", arguments: ["llama-gqa", "sink-zero", "dmc-llama", "yoco-swa"])
  func none(_ folder: String) throws {
    #expect(try TestModel(folder).model.leadingTokens.isEmpty)
  }

  @Test("a softmax off by one is one with an entry whose key and value are zero", arguments: [1, 9, 600], [1, 3])
  func zero(count: Int, rows: Int) throws {
    let processor = try Processor(threads: 1)
    var store = StoreLayout(heads: 2, keyWidth: 16, values: .stored(width: 16), rotary: nil)
    let keys = SeededNumbers.floats(count * 32, seed: 31)
    let values = SeededNumbers.floats(count * 32, seed: 32)
    let queries = SeededNumbers.floats(rows * 64, seed: 33)
    func attend(leading zeros: Int) throws -> [Float] {
      store.hasZeroSink = zeros == 0
      var cache = SequenceCache(
        layout: CacheLayout(layers: 1, each: store), formats: EntryFormats(keys: .f32, values: .f32), policy: Full(),
        pool: PagePool())
      let padding = [Float](repeating: 0, count: zeros * 32)
      let all = [padding + keys, padding + values].map {
        processor.tensor(rows: zeros + count, columns: 32, values: $0)
      }
      cache.expect(zeros + count)
      return try cache.attend(
        processor.tensor(rows: min(rows, count), columns: 64, values: Array(queries.prefix(min(rows, count) * 64))),
        adding: NewEntries(keys: all[0], values: all[1]), layer: 0, scale: 2
      ).values
    }
    #expect(greatestDifference(try attend(leading: 0), try attend(leading: 1)) <= 1e-6)
  }
}

extension SeededNumbers {
  fileprivate static func floats(_ count: Int, seed: UInt64) -> [Float] {
    var numbers = SeededNumbers(seed: seed)
    return numbers.floats(count)
  }
}
