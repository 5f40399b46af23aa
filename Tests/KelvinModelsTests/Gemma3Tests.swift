import KelvinAttention
import KelvinModels
import KelvinTensors
import Testing

@Suite("Gemma 3")
struct Gemma3Tests {
  static let goldens = FamilyGolden.all("gemma3-text")

  @Test("gives the logits of the reference, however it is read", arguments: goldens)
  func golden(_ golden: FamilyGolden) throws { try golden.check(golden.checkpoint()) }

  @Test("gives the same under GGUF's names, whose gains have their 1, at the scale that GGUF implies")
  func gguf() throws {
    // GGUF has no key for the scale: queries of width 16 are made to have the reference's 24.
    let factor = (16.0 / 24.0).squareRoot()
    let facts: [String: MetadataValue] = [
      "attention.sliding_window": .integer(8), "attention.sliding_window_pattern": .integer(2),
      "rope.scaling.factor": .number(8),
    ]
    let names = ["post_attention_layernorm": "post_attention_norm"]
    let checkpoint = try Self.goldens[0].checkpoint().ggufStyle("gemma3", facts, names: names) { tensor in
      guard tensor.name.hasSuffix("norm.weight") else { return tensor }
      let scale = tensor.name.hasSuffix("attn_q_norm.weight") ? Float(factor) : 1
      return tensor.replacing(try tensor.floats().map { ($0 + 1) * scale })
    }
    try Self.goldens[0].check(checkpoint)
  }

  @Test("five layers of six have the window and turn by the base of 10 000")
  func layers() throws {
    var checkpoint = try Self.goldens[0].checkpoint()
    checkpoint.metadata["sliding_window_pattern"] = nil
    checkpoint.metadata["num_hidden_layers"] = .integer(7)
    let stores = try ArchitectureRegistry.describe(checkpoint).layout.stores
    let local = StoreLayout.Reach.window(8)
    #expect(stores.map(\.reach) == [local, local, local, local, local, .everything, local])
    #expect(stores[0].rotary?.frequencies[4] == 0.01)
    // 10⁶ to the power of -½, an eighth of it by the scaling.
    #expect(stores[5].rotary?.frequencies[4] == 0.001 / 8)
  }

  @Test("a list of layers of another length or of other types is refused")
  func layerTypes() throws {
    for types in [["full_attention"], ["full_attention", "full_attention", "full_attention", "linear_attention"]] {
      var checkpoint = try Self.goldens[1].checkpoint()
      checkpoint.metadata["layer_types"] = .strings(types)
      let error = #expect(throws: ModelError.self) { try ArchitectureRegistry.describe(checkpoint) }
      #expect(error?.description.contains("'layer_types'") == true)
    }
  }
}
