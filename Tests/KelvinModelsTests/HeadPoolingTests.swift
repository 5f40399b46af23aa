import KelvinAttention
import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("HeadPooling")
struct HeadPoolingTests {
  static let cases = [("retrofit-mha-to-gqa", 2), ("retrofit-mha-to-mqa", 1)]

  private func read(_ name: String) throws -> Checkpoint { try CheckpointReader.read(path: Fixtures.path(name)) }

  private func gguf(_ checkpoint: Checkpoint) throws -> Checkpoint {
    try ArchitectureRegistry.conversion(of: checkpoint).translate(checkpoint, to: .gguf)
  }

  @Test("keys and values are the means of the reference, and nothing else changes", arguments: cases)
  func tensors(_ folder: String, _ heads: Int) throws {
    let original = try read("llama-mha")
    let pooled = try HeadPooling(heads: [heads]).apply(to: original)
    let expected = try read(folder + "/expected_changed_tensors.safetensors").tensors
    #expect(expected.count == 4)
    #expect(pooled.metadata["num_key_value_heads"] == .integer(heads))
    for (name, tensor) in pooled.tensors {
      if let changed = expected[name] {
        #expect(tensor.shape == changed.shape)
        // One rounding of numbers below 1/2: the reference adds in another order.
        #expect(greatestDifference(Array(tensor.numbers()), Array(changed.numbers())) <= 0x1p-25, "\(name)")
      } else {
        #expect(tensor.bytes() == original.tensors[name]?.bytes(), "\(name)")
      }
    }
  }

  @Test("the pooled model has the logits of the reference within 1e-4, in both styles", arguments: cases)
  func logits(_ folder: String, _ heads: Int) throws {
    let golden: CheckpointGolden = try Fixtures.json(folder + "/golden.json")
    let original = try read("llama-mha")
    for checkpoint in [original, try gguf(original)] {
      let model = try TestModel(HeadPooling(heads: [heads]).apply(to: checkpoint))
      #expect(model.model.layout.stores.map(\.heads) == [heads, heads])
      var cache = model.cache()
      let distances = golden.distances(try model.read(golden.tokens, into: &cache))
      #expect(distances.logits <= GoldenCheckpointTests.tolerance)
      #expect(distances.nll <= Double(GoldenCheckpointTests.tolerance))
    }
  }

  @Test("pooling and translating commute, bit for bit", arguments: HeadPooling.Choice.allCases)
  func commutes(_ choice: HeadPooling.Choice) throws {
    let original = try read("llama-mha")
    let pooling = HeadPooling(heads: [2], choice: choice, seed: 4)
    let (first, second) = (try gguf(pooling.apply(to: original)), try pooling.apply(to: gguf(original)))
    #expect(first.metadata == second.metadata)
    for (name, tensor) in first.tensors { #expect(second.tensors[name]?.bytes() == tensor.bytes(), "\(name)") }
  }

  @Test("as many heads as there are is the model itself")
  func same() throws {
    let original = try read("llama-gqa")
    let pooled = try HeadPooling(heads: [2], choice: .random).apply(to: original)
    #expect(pooled.metadata == original.metadata)
    for (name, tensor) in original.tensors { #expect(pooled.tensors[name]?.bytes() == tensor.bytes()) }
  }

  @Test("first and random take whole heads, keys and values of a layer the same one")
  func picks() throws {
    let original = try read("llama-mha")
    let width = 16 * 64
    func head(_ checkpoint: Checkpoint, _ name: String, _ index: Int) throws -> [Float] {
      Array(try #require(checkpoint.tensors[name]).numbers()[index * width..<(index + 1) * width])
    }
    func origin(_ pooled: Checkpoint, _ name: String, of group: Int) throws -> Int {
      let wanted = try head(pooled, name, group)
      return try #require(try (0..<4).first { try head(original, name, $0) == wanted })
    }
    let (key, value) = ("model.layers.1.self_attn.k_proj.weight", "model.layers.1.self_attn.v_proj.weight")
    let first = try HeadPooling(heads: [2], choice: .first).apply(to: original)
    #expect(try (0..<2).map { try origin(first, key, of: $0) } == [0, 2])
    var seen: Set<[Int]> = []
    for seed in UInt64(0)..<16 {
      let random = try HeadPooling(heads: [2], choice: .random, seed: seed).apply(to: original)
      let heads = try (0..<2).map { try origin(random, key, of: $0) }
      #expect(try (0..<2).map { try origin(random, value, of: $0) } == heads)
      #expect([0, 1].contains(heads[0]) && [2, 3].contains(heads[1]))
      seen.insert(heads)
    }
    #expect(seen.count == 4)
  }

  @Test("a list pools each layer as its number alone does, and a layer that has so many keeps its bytes")
  func lists() throws {
    let original = try read("llama-mha")
    let pooled = try HeadPooling(heads: [4, 1]).apply(to: original)
    let expected = try HeadPooling(heads: [1]).apply(to: original)
    #expect(pooled.metadata["num_key_value_heads"] == .integers([4, 1]))
    for (name, tensor) in pooled.tensors {
      let source = name.hasPrefix("model.layers.1.") ? expected : original
      #expect(tensor.shape == source.tensors[name]?.shape, "\(name)")
      #expect(tensor.bytes() == source.tensors[name]?.bytes(), "\(name)")
    }
    #expect(try HeadPooling(heads: [1, 1]).apply(to: original).metadata == expected.metadata)
    // What is pooled layer by layer may be pooled on.
    let again = try HeadPooling(heads: [1]).apply(to: pooled)
    #expect(again.metadata == expected.metadata)
    for (name, tensor) in expected.tensors { #expect(again.tensors[name]?.bytes() == tensor.bytes(), "\(name)") }
  }

  @Test(
    "a list that does not fit is refused with the layer",
    arguments: [
      ([1, 2, 4], "a list of 3 is not possible, expected one number, or a list of 2, one for each layer."),
      ([], "a list of 0 is not possible, expected one number, or a list of 2, one for each layer."),
      ([4, 3], "3 in layer 1 is not possible, expected a divisor of its 4 KV heads: 1, 2, 4."),
      ([0, 2], "0 in layer 0 is not possible, expected a divisor of its 4 KV heads: 1, 2, 4."),
    ])
  func unsuitableLists(_ heads: [Int], _ message: String) throws {
    let original = try read("llama-mha")
    let error = #expect(throws: ModelError.self) { try HeadPooling(heads: heads).apply(to: original) }
    #expect(error?.description == "llama-mha: option 'kv-heads': " + message)
  }

  @Test("one number for layers that differ is refused with the layer that has fewer")
  func tooMany() throws {
    let mixed = try read("llama-mixed")
    #expect(
      throws: ModelError.unsuitableRetrofit(
        model: "llama-mixed", option: "kv-heads", found: "2 in layer 2", expected: "a divisor of its 1 KV heads: 1")
    ) { try HeadPooling(heads: [2]).apply(to: mixed) }
  }

  @Test("a number of heads that does not share out is refused with those that do", arguments: [0, 3, 8, -1])
  func unsuitable(_ heads: Int) throws {
    let original = try read("llama-mha")
    #expect(
      throws: ModelError.unsuitableRetrofit(
        model: "llama-mha", option: "kv-heads", found: "\(heads)", expected: "a divisor of its 4 KV heads: 1, 2, 4")
    ) { try HeadPooling(heads: [heads]).apply(to: original) }
  }
}
