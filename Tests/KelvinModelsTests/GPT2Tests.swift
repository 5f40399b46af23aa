import KelvinAttention
import KelvinModels
import KelvinTensors
import TestModels
import Testing

@Suite("GPT-2")
struct GPT2Tests {
  static let goldens = FamilyGolden.all("gpt2") + FamilyGolden.all("gpt2-hubnames")

  @Test("gives the logits of the reference, however it is read, under new names and old", arguments: goldens)
  func golden(_ golden: FamilyGolden) throws { try golden.check(golden.checkpoint()) }

  @Test("gives the same under GGUF's names, whose matrices lie the other way")
  func gguf() throws {
    let checkpoint = try Self.goldens[0].checkpoint().ggufStyle("gpt2") { tensor in
      guard tensor.name.hasPrefix("blk."), tensor.shape.count == 2 else { return tensor }
      let (rows, columns) = (tensor.shape[0], tensor.shape[1])
      let numbers = try tensor.floats()
      let turned = (0..<columns).flatMap { column in (0..<rows).map { numbers[$0 * columns + column] } }
      return tensor.replacing(turned, shape: [columns, rows])
    }
    try Self.goldens[0].check(checkpoint)
  }

  @Test("a text longer than the learned positions is refused, not read with others")
  func positions() throws {
    let model = try TestModel(Self.goldens[0].checkpoint())
    var cache = model.cache()
    #expect(throws: MemoryError.noSuchPosition(64, limit: 64)) {
      try model.read(Array(repeating: 1, count: 65), into: &cache)
    }
  }

  @Test("another scaling of scores and another GELU are refused by name")
  func refused() throws {
    for (key, value) in [
      ("scale_attn_weights", MetadataValue.bool(false)), ("activation_function", .string("gelu")),
      ("scale_attn_by_inverse_layer_idx", .bool(true)),
    ] {
      var checkpoint = try Self.goldens[0].checkpoint()
      checkpoint.metadata[key] = value
      let error = #expect(throws: ModelError.self) { try ArchitectureRegistry.describe(checkpoint) }
      #expect(error?.description.contains("'\(key)'") == true)
    }
  }
}
