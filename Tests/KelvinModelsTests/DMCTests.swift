import KelvinAttention
import KelvinCache
import KelvinCheckpoints
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("DMC")
struct DMCTests {
  struct Golden: Decodable {
    struct Head: Decodable {
      var positions: [Int32]
      var starts: [Int32]
      enum CodingKeys: String, CodingKey {
        case positions = "slot_positions"
        case starts = "segment_starts"
      }
    }
    struct Merging: Decodable {
      var heads: [[Head]]
      enum CodingKeys: String, CodingKey { case heads = "slots_after_40_tokens_per_layer_per_kv_head" }
    }
    struct Greedy: Decodable {
      var counts: [[Int]]
      enum CodingKeys: String, CodingKey { case counts = "cache_lengths_at_end" }
    }
    var tokens: [Int32]
    var dmc: Merging
    var greedy: Greedy
  }

  /// The columns of one head, oldest entry first.
  static func columns<Value>(_ head: HeadLedger, _ column: (HeadLedger) -> ContiguousArray<Value>) -> [Value] {
    let order = head.positions.indices.sorted { head.positions[$0] < head.positions[$1] }
    return order.map { column(head)[$0] }
  }

  @Test("segments begin and end where the reference has them, one or 12 or more long", arguments: [nil, 1, 7, 13])
  func segments(chunk: Int?) throws {
    let golden: Golden = try Fixtures.json("dmc-llama/golden.json")
    let model = try TestModel("dmc-llama")
    var cache = model.cache()
    _ = try model.read(golden.tokens, chunk: chunk, into: &cache)
    for (layer, heads) in golden.dmc.heads.enumerated() {
      for (head, expected) in zip(cache.ledger(store: layer).heads, heads) {
        let positions = Self.columns(head, \.positions)
        let members = Self.columns(head, \.mergeWeight)
        #expect(positions == expected.positions)
        #expect(zip(positions, members).map { $0 - $1 + 1 } == expected.starts)
      }
    }
  }

  @Test("after 16 more tokens heads hold as many entries as in the reference, and pages for no more")
  func counts() throws {
    let golden: Golden = try Fixtures.json("dmc-llama/golden.json")
    let model = try TestModel("dmc-llama")
    let pool = PagePool()
    var cache = model.cache(pool: pool)
    let new = try model.generate(16, after: golden.tokens, into: &cache)
    _ = try model.read(Array(new.suffix(1)), prompt: 0, into: &cache)
    #expect(cache.keptPositions.map { $0.map(\.count) } == golden.greedy.counts)
    #expect(cache.report(policy: "full", budget: nil).evicted == 0)
    #expect(pool.bytes == 4 * EntryFormats(keys: .f32, values: .f32).pageShape(of: cache.layout.stores[0]).bytes)
  }

  @Test("every token is in one entry: the tokens that entries stand for are all tokens", arguments: [nil, 1, 7])
  func weights(chunk: Int?) throws {
    let model = try TestModel("dmc-llama")
    var cache = model.cache()
    _ = try model.read(YOCOTests.text(60), prompt: 50, chunk: chunk, into: &cache) { cache in
      for store in cache.layout.stores.indices {
        for head in cache.ledger(store: store).heads {
          #expect(head.mergeWeight.reduce(0, +) == Int32(cache.seen))
          #expect(head.mergeWeight.count == head.count && head.gone.allSatisfy { $0 == .max })
        }
      }
    }
  }

  @Test("a merged entry takes over the attention that its token received", arguments: [nil, 1, 7])
  func inheritance(chunk: Int?) throws {
    let model = try TestModel("dmc-llama")
    var cache = model.cache(H2O(budget: .unbounded))
    _ = try model.read(YOCOTests.text(60), prompt: 50, chunk: chunk, into: &cache)
    for store in cache.layout.stores.indices {
      // Each of 60 queries gives 1 in all.
      for head in cache.ledger(store: store).heads { #expect(abs(head.attention.reduce(0, +) - 60) < 1e-3) }
    }
  }

  @Test("columns stay aligned while entries merge and leave", arguments: ["vatp", "l2", "snapkv", "fastgen"])
  func aligned(_ policy: String) throws {
    var specification = PolicySpecification(name: policy)
    if policy != "fastgen" { specification["budget"] = "20" }
    let model = try TestModel("dmc-llama")
    var cache = model.cache(try PolicyRegistry.make(specification))
    _ = try model.read(YOCOTests.text(60), prompt: 50, chunk: 20, into: &cache) { cache in
      for store in cache.layout.stores.indices {
        for head in cache.ledger(store: store).heads {
          for count in [head.attention.count, head.keyNorm.count, head.valueNorm.count, head.kinds.count] {
            #expect(count == 0 || count == head.count)
          }
          #expect(head.gone.count == head.count && head.mergeWeight.count == head.count)
        }
      }
    }
  }

  // MARK: Closed gates

  /// The checkpoint with zeros in the rows of every head's last channel, and of the channel that turns with it.
  static func withoutLastPair() throws -> Checkpoint {
    var checkpoint = try CheckpointReader.read(path: Fixtures.path("dmc-llama"))
    for (name, tensor) in checkpoint.tensors where name.contains("q_proj") || name.contains("k_proj") {
      var numbers = Array(try tensor.floats())
      for row in 0..<tensor.shape[0] where row % 16 == 15 || row % 16 == 7 {
        for column in 0..<64 { numbers[row * 64 + column] = 0 }
      }
      checkpoint.tensors[name] = StoredTensor(
        name: name, shape: tensor.shape, format: .f32, source: ArraySource(numbers), range: 0..<numbers.count * 4)
    }
    return checkpoint
  }

  @Test("with gates that never open it is the plain Llama", arguments: [nil, 1, 7])
  func closed(chunk: Int?) throws {
    var checkpoint = try Self.withoutLastPair()
    func read() throws -> [[Float]] {
      let model = try TestModel(checkpoint)
      var cache = model.cache()
      let logits = try model.read(YOCOTests.text(60), chunk: chunk, into: &cache)
      #expect(cache.keptPositions.joined().allSatisfy { $0 == Array(0..<60) })
      return logits
    }
    let merging = try read()
    checkpoint.metadata["model_type"] = .string("llama")
    let plain = try read()
    // The mean of one token, ω·k/ω, is k but for its last bit.
    for (a, b) in zip(merging, plain) { #expect(greatestDifference(a, b) <= 2e-5) }
  }

  @Test("another decision channel is refused")
  func channel() throws {
    var checkpoint = try CheckpointReader.read(configuration: Fixtures.path("dmc-llama/config.json"))
    checkpoint.metadata["dmc_decision_channel"] = .integer(3)
    #expect(
      throws: ModelError.unsupported(
        model: checkpoint.name, key: "dmc_decision_channel", found: "3", supported: ["-1, the last of a head"])
    ) { try ArchitectureRegistry.describe(checkpoint) }
  }
}
