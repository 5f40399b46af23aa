import KelvinAttention
import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// A checkpoint whose KV heads all stand there twice, which changes nothing that it computes.
private struct DoubledHeads {
  var doubled: Checkpoint
  var original: Checkpoint
  var heads: Int

  init(_ original: Checkpoint, heads: Int, queryHeads: Int, headWidth: Int) throws {
    self.original = original
    self.heads = heads
    doubled = original
    doubled.metadata["num_key_value_heads"] = .integer(2 * heads)
    let rows = heads * headWidth
    /// Rows of keys or values that begin at `first`, every head twice.
    func twice(_ first: Int) -> [Int] {
      (0..<2 * heads).flatMap { head in (0..<headWidth).map { first + head / 2 * headWidth + $0 } }
    }
    let queries = queryHeads * headWidth
    for (name, tensor) in original.tensors {
      let part = name.split(separator: ".").dropLast().last.map(String.init) ?? ""
      switch part {
      case "k_proj", "v_proj": doubled.tensors[name] = tensor.taking(twice(0))
      case "k_norm" where tensor.count == rows && rows > headWidth: doubled.tensors[name] = tensor.taking(twice(0))
      case "qkv_proj", "c_attn":
        let all = Array(0..<queries) + twice(queries) + twice(queries + rows)
        // GPT-2's matrices lie the other way.
        let turned = part == "c_attn" && tensor.shape.count == 2
        doubled.tensors[name] = turned ? tensor.transposed().taking(all).transposed() : tensor.taking(all)
      default: break
      }
    }
  }
}

extension StoredTensor {
  fileprivate func taking(_ rows: [Int]) -> StoredTensor {
    let length = count / shape[0]
    let numbers = Array(self.numbers())
    return replacing(
      rows.flatMap { numbers[$0 * length..<($0 + 1) * length] }, shape: [rows.count] + shape.dropFirst())
  }
}

@Suite("HeadPooling of every family")
struct FamilyPoolingTests {
  static let examples = FamilyTranslation.all.filter { $0.golden.configuration == "config.json" }

  @Test(
    "heads that stand there twice are pooled to what they were, in all layers or the first, and every logit stays",
    arguments: examples)
  func twice(_ example: FamilyTranslation) throws {
    var original = try example.checkpoint()
    var model = try example.family.configuration(of: original)
    if model.keyValueHeads[0] == model.heads {
      original = try HeadPooling(heads: [model.heads / 2], choice: .first).apply(to: original)
      model = try example.family.configuration(of: original)
    }
    let heads = try DoubledHeads(
      original, heads: model.keyValueHeads[0], queryHeads: model.heads, headWidth: model.headWidth)
    let pooled = try HeadPooling(heads: [heads.heads]).apply(to: heads.doubled)
    for (name, tensor) in original.tensors {
      #expect(pooled.tensors[name]?.shape == tensor.shape, "\(name)")
      #expect(pooled.tensors[name]?.bytes() == tensor.bytes(), "\(name)")
    }
    let mixed = try HeadPooling(heads: [heads.heads] + (1..<model.layers).map { _ in 2 * heads.heads })
      .apply(to: heads.doubled)
    let tokens: [Int32] = [1, 7, 31, 200, 5, 64, 3, 3, 90, 11, 12, 13]
    let rows = try [heads.doubled, pooled, mixed].map { checkpoint in
      let model = try TestModel(checkpoint)
      var cache = model.cache()
      return try model.read(tokens, into: &cache)
    }
    // The same sums of the same numbers, but for the mean square of all heads together (OLMo 2).
    for other in rows.dropFirst() {
      for (a, b) in zip(rows[0], other) { #expect(greatestDifference(a, b) <= 1e-5) }
    }
  }

  @Test("pooling and translating commute, bit for bit", arguments: examples)
  func commutes(_ example: FamilyTranslation) throws {
    func gguf(_ checkpoint: Checkpoint) throws -> Checkpoint {
      try ArchitectureRegistry.conversion(of: checkpoint).translate(checkpoint, to: .gguf)
    }
    let original = try example.checkpoint()
    let model = try example.family.configuration(of: original)
    // GPT-2 states no KV heads where each query head has one; one layer alone then makes a list of them.
    let heads = [1] + model.keyValueHeads.dropFirst()
    let pooling = HeadPooling(heads: heads)
    let (first, second) = (try gguf(pooling.apply(to: original)), try pooling.apply(to: gguf(original)))
    #expect(first.metadata == second.metadata)
    #expect(try TestModel(first).model.layout.stores.map(\.heads) == heads)
    for (name, tensor) in first.tensors { #expect(second.tensors[name]?.bytes() == tensor.bytes(), "\(name)") }
  }
}
