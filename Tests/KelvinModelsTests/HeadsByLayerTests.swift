import KelvinAttention
import KelvinCache
import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("KV heads that differ by layer")
struct HeadsByLayerTests {
  private static let tokens: [Int32] = [1, 7, 31, 200, 5, 64, 3, 3, 90, 11, 12, 13]

  private func read(_ name: String, heads: MetadataValue? = nil) throws -> Checkpoint {
    var checkpoint = try CheckpointReader.read(path: Fixtures.path(name))
    if let heads { checkpoint.metadata["num_key_value_heads"] = heads }
    return checkpoint
  }

  private func logits(_ checkpoint: Checkpoint) throws -> [[Float]] {
    let model = try TestModel(checkpoint)
    var cache = model.cache()
    return try model.read(Self.tokens, into: &cache)
  }

  // MARK: Models

  @Test("a list of one number is that number, to the last bit of every logit")
  func alike() throws {
    let (number, list) = (try read("llama-gqa"), try read("llama-gqa", heads: .integers([2, 2, 2])))
    #expect(try DecoderFamily.llama.configuration(of: list) == DecoderFamily.llama.configuration(of: number))
    #expect(try logits(list) == logits(number))
  }

  @Test("every layer has a store of its own heads")
  func layout() throws {
    let model = try TestModel("llama-mixed")
    #expect(model.model.layout.stores.map(\.heads) == [4, 2, 1])
    #expect(model.model.layout.storeOfLayer == [0, 1, 2])
    var cache = model.cache()
    _ = try model.read(Self.tokens, into: &cache)
    #expect(cache.keptPositions.map(\.count) == [4, 2, 1])
  }

  @Test("a model computes what it does with its KV heads repeated for each query head")
  func repeated() throws {
    let mixed = try read("llama-mixed")
    var wide = mixed
    wide.metadata["num_key_value_heads"] = .integer(4)
    for (layer, count) in [4, 2, 1].enumerated() {
      for part in ["k_proj", "v_proj"] {
        let name = "model.layers.\(layer).self_attn.\(part).weight"
        let tensor = try #require(mixed.tensors[name])
        let numbers = Array(tensor.numbers())
        let size = numbers.count / count
        let rows = (0..<4).flatMap { (head: Int) -> ArraySlice<Float> in
          let shared = head * count / 4
          return numbers[shared * size..<(shared + 1) * size]
        }
        wide.tensors[name] = tensor.replacing(rows, shape: [128, 64])
      }
    }
    // The same sums of the same numbers, as heads of a group are taken together or apart.
    for (a, b) in zip(try logits(mixed), try logits(wide)) { #expect(greatestDifference(a, b) <= 1e-5) }
  }

  @Test("a GGUF file has them as an array, or as one number where all layers have as many")
  func gguf() throws {
    let lists: [(String, MetadataValue?, MetadataValue)] = [
      ("llama-mixed", nil, .integers([4, 2, 1])), ("llama-gqa", .integers([2, 2, 2]), .integer(2)),
    ]
    for (folder, heads, expected) in lists {
      let original = try read(folder, heads: heads)
      let gguf = try ArchitectureRegistry.conversion(of: original).translate(original, to: .gguf)
      #expect(gguf.metadata["llama.attention.head_count_kv"] == expected)
      let back = try ArchitectureRegistry.conversion(of: gguf).translate(gguf, to: .huggingFace)
      #expect(back.metadata["num_key_value_heads"] == expected)
    }
  }

  // MARK: Errors

  static let mistakes: [(heads: MetadataValue, message: String)] = [
    (.integers([4, 2]), "is [4, 2], expected one number, or a list of 3, one for each layer; "),
    (.array([]), "is 0 values, expected one number, or a list of 3, one for each layer; "),
    (.integers([4, 2, 3]), "is 3 in layer 2, expected a divisor of the 4 heads; "),
    (.integers([4, 8, 1]), "is 8 in layer 1, expected a divisor of the 4 heads; "),
    (.integers([-1, 2, 1]), "is -1 in layer 0, expected a divisor of the 4 heads; "),
    (.numbers([4, 2.5, 1]), "is 2.5 in layer 1, expected a divisor of the 4 heads; "),
    (.array([.integer(4), .null, .integer(1)]), "is nothing in layer 1, expected a divisor of the 4 heads; "),
    (.strings(["4", "2", "1"]), "is 3 strings, expected an integer from 1 to 4096; "),
    (
      .integers([4, 0, 1]),
      "is 0 in layer 1, supported: 1 or more in every layer, as layers without attention are not computed; "
    ),
  ]

  @Test("a list that makes no sense is refused with the layer, in both styles", arguments: mistakes)
  func mistake(_ heads: MetadataValue, _ message: String) throws {
    var gguf = try read("llama-mixed")
    gguf = try ArchitectureRegistry.conversion(of: gguf).translate(gguf, to: .gguf)
    gguf.metadata["llama.attention.head_count_kv"] = heads
    for (key, checkpoint) in [
      ("num_key_value_heads", try read("llama-mixed", heads: heads)), ("llama.attention.head_count_kv", gguf),
    ] {
      let error = #expect(throws: ModelError.self) { try DecoderFamily.llama.configuration(of: checkpoint) }
      #expect(error?.description.hasPrefix("llama-mixed: '\(key)' \(message)") == true, "\(error?.description ?? "")")
    }
  }

  @Test("a tensor with the heads of another layer is refused with the heads of its own")
  func wrongTensor() throws {
    let checkpoint = try read("llama-mixed", heads: .integers([4, 2, 2]))
    let configuration = try DecoderFamily.llama.configuration(of: checkpoint)
    #expect(
      throws: ModelError.wrongShape(
        model: "llama-mixed", tensor: "model.layers.2.self_attn.k_proj.weight", found: [32, 64], expected: [64, 64],
        meaning: "2 KV heads of 32 × hidden width")
    ) { try configuration.validate(checkpoint) }
  }

  @Test("query heads and feed-forward widths have one number for all layers")
  func otherLists() throws {
    for key in ["num_attention_heads", "intermediate_size"] {
      var checkpoint = try read("llama-mixed")
      checkpoint.metadata[key] = .integers([4, 4, 4])
      let error = #expect(throws: ModelError.self) { try DecoderFamily.llama.configuration(of: checkpoint) }
      #expect(error?.description.contains("'\(key)' is [4, 4, 4], expected an integer from 1 to ") == true)
    }
  }
}
