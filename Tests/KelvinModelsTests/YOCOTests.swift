import Foundation
import KelvinAttention
import KelvinCache
import KelvinCheckpoints
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("YOCO")
struct YOCOTests {
  static let folders = ["yoco-swa", "yoco-gret"]

  static func text(_ count: Int, first: Int32? = nil) -> [Int32] {
    var numbers = SeededNumbers(seed: 12)
    var tokens = numbers.tokens(count, vocabulary: 320)
    if let first { tokens[0] = first }
    return tokens
  }

  // MARK: Early exit

  @Test(
    "the cross-decoder on the last row alone says what it says of the last of all rows, bit for bit", arguments: folders
  )
  func earlyExit(_ folder: String) throws {
    let model = try TestModel(folder)
    func last(_ wanting: LogitRows) throws -> ([Float], [[[Int32]]]) {
      var cache = model.cache()
      cache.beginPrompt(length: 100)
      cache.expect(100)
      let logits = try model.model.logits(
        for: Self.text(100), wanting: wanting, memory: &cache, on: model.processor)
      return (logits.values(row: logits.rows - 1), cache.keptPositions)
    }
    let (all, exit) = (try last(.all), try last(.last))
    #expect(all.0 == exit.0)
    #expect(all.1 == exit.1)
  }

  @Test(
    "chunks without logits run no row of the cross-decoder, and leave the same entries and logits", arguments: folders)
  func noRows(_ folder: String) throws {
    let model = try TestModel(folder)
    let tokens = Self.text(100)
    var whole = model.cache()
    let expected = try model.read(tokens, chunk: 60, into: &whole)
    var cache = model.cache()
    cache.beginPrompt(length: 100)
    cache.expect(60)
    let none = try model.model.logits(
      for: Array(tokens[..<60]), wanting: .none, memory: &cache, on: model.processor)
    #expect(none.rows == 0)
    cache.expect(40)
    let last = try model.model.logits(
      for: Array(tokens[60...]), wanting: .last, memory: &cache, on: model.processor)
    #expect(last.values(row: 0) == expected[99])
    #expect(cache.keptPositions == whole.keptPositions)
  }

  @Test("a pass of no rows is reviewed all the same", arguments: folders)
  func reviewed(_ folder: String) throws {
    let model = try TestModel(folder)
    var cache = model.cache(StreamingLLM(budget: .entries(12), sinks: 4))
    cache.beginPrompt(length: 40)
    cache.expect(40)
    _ = try model.model.logits(for: Self.text(40), wanting: .none, memory: &cache, on: model.processor)
    #expect(cache.keptPositions.last == [[Int32]](repeating: Array(0..<4) + Array(32..<40), count: 2))
  }

  // MARK: What is kept

  @Test("a window's store holds the newest 8 positions, the shared one all", arguments: [nil, 1, 7])
  func window(chunk: Int?) throws {
    let model = try TestModel("yoco-swa")
    var cache = model.cache()
    _ = try model.read(Self.text(40), chunk: chunk, into: &cache)
    let newest = [[Int32]](repeating: Array(32..<40), count: 4)
    #expect(cache.keptPositions == [newest, newest, [[Int32]](repeating: Array(0..<40), count: 2)])
    #expect(cache.report(policy: "full", budget: nil).evicted == 0)
  }

  @Test("a window as long as the text is full attention, bit for bit", arguments: [nil, 1, 7])
  func wideWindow(chunk: Int?) throws {
    let model = try TestModel("yoco-swa")
    func read(_ reach: StoreLayout.Reach) throws -> [[Float]] {
      var layout = model.model.layout
      for store in layout.stores.indices { layout.stores[store].reach = reach }
      var cache = SequenceCache(
        layout: layout, formats: EntryFormats(keys: .f32, values: .f32), policy: Full(), pool: PagePool())
      return try model.read(Self.text(40), chunk: chunk, into: &cache)
    }
    #expect(try read(.window(40)) == read(.everything))
    #expect(try read(.window(39)) != read(.everything))
  }

  @Test("what the windows have lost is still seen through the shared store, and not without it")
  func needle() throws {
    let model = try TestModel("yoco-swa")
    // Two windows of 8 let a token of the self-decoder know of the 14 before it, a shared store of 8 of 22.
    func last(first: Int32, _ policy: any CachePolicy) throws -> [Float] {
      var cache = model.cache(policy)
      return try model.read(Self.text(60, first: first), prompt: 1, into: &cache)[59]
    }
    #expect(try last(first: 5, Full()) != last(first: 6, Full()))
    let window = Window(budget: .entries(8))
    #expect(try last(first: 5, window) == last(first: 6, window))
  }

  // MARK: Retention

  @Test("states after 40 tokens are those of the reference")
  func states() throws {
    struct Golden: Decodable {
      struct State: Decodable {
        var frobenius: [Float]
        var start: [Float]
        enum CodingKeys: String, CodingKey {
          case frobenius = "frobenius_per_head"
          case start = "head0_row0_first8"
        }
      }
      var tokens: [Int32]
      var states: [State]
      enum CodingKeys: String, CodingKey {
        case tokens
        case states = "gret_state_after_40_tokens"
      }
    }
    let golden: Golden = try Fixtures.json("yoco-gret/golden.json")
    let model = try TestModel("yoco-gret")
    var cache = model.cache()
    _ = try model.read(golden.tokens, into: &cache)
    for (state, expected) in zip(cache.states, golden.states) {
      #expect(state.rows == 64 && state.columns == 32)
      #expect(greatestDifference(Array(state.values(row: 0).prefix(8)), expected.start) <= 1e-4)
      let norms = [0, 32].map { first in
        state[rows: first..<first + 32].values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      }
      #expect(greatestDifference(norms, expected.frobenius) <= 1e-4)
    }
  }

  // MARK: Refusing

  @Test(
    "a part that is not computed is refused by its name",
    arguments: [
      ("self_decoder_attn", "type", MetadataValue.string("gated_deltanet")),
      ("self_decoder_attn", "qkv_bias", .bool(true)), ("self_decoder_attn", "num_v_heads", .integer(2)),
      ("cross_decoder_attn", "qk_norm", .bool(true)), ("cross_decoder_attn", "window_size", .integer(64)),
      ("cross_decoder_attn", "rope_inv_freq", .string("ntk")),
    ])
  func refused(_ part: String, _ key: String, _ value: MetadataValue) throws {
    var checkpoint = try CheckpointReader.read(configuration: Fixtures.path("yoco-swa/config.json"))
    guard case .object(var members)? = checkpoint.metadata[part] else { throw ModelError.missing(model: "", key: part) }
    members[key] = value
    checkpoint.metadata[part] = .object(members)
    let error = #expect(throws: ModelError.self) { try YOCOConfiguration(checkpoint) }
    guard case .unsupported(_, "\(part).\(key)", _, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "sizes that make no sense are refused",
    arguments: [
      ("num_hidden_layers", MetadataValue.integer(1)), ("num_self_decoder_layers", .integer(4)),
      ("hidden_size", .integer(66)), ("embedding_multiplier", .integer(0)), ("self_decoder_attn", .integer(3)),
    ])
  func senseless(_ key: String, _ value: MetadataValue) throws {
    var checkpoint = try CheckpointReader.read(configuration: Fixtures.path("yoco-swa/config.json"))
    checkpoint.metadata[key] = value
    #expect(throws: ModelError.self) { try YOCOConfiguration(checkpoint) }
  }

  @Test("a missing tensor and one too many are named")
  func tensors() throws {
    var checkpoint = try CheckpointReader.read(path: Fixtures.path("yoco-gret"))
    let configuration = try YOCOConfiguration(checkpoint)
    let decay = "model.self_layers.1.attn.gk_proj.weight"
    let stored = checkpoint.tensors.removeValue(forKey: decay)
    #expect(throws: ModelError.missingTensor(model: "yoco-gret", tensor: decay)) {
      try configuration.validate(checkpoint)
    }
    checkpoint.tensors[decay] = stored
    checkpoint.tensors["model.extra.weight"] = stored
    #expect(
      throws: ModelError.unknownTensor(model: "yoco-gret", tensor: "model.extra.weight", architecture: "yoco")
    ) { try configuration.validate(checkpoint) }
  }
}
