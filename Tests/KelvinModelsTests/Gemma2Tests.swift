import KelvinAttention
import KelvinModels
import KelvinTensors
import Testing

@Suite("Gemma 2")
struct Gemma2Tests {
  static let golden = FamilyGolden(folder: "gemma2", configuration: "config.json", golden: "golden.json")

  @Test("gives the logits of the reference, however it is read")
  func golden() throws { try Self.golden.check(Self.golden.checkpoint()) }

  @Test("gives the same under GGUF's names, whose gains have their 1, at the scale that GGUF implies")
  func gguf() throws {
    // GGUF has no key for the scale: queries of width 16 are made to have the reference's 24.
    let factor = Float((16.0 / 24.0).squareRoot())
    let facts: [String: MetadataValue] = [
      "attention.sliding_window": .integer(8), "attn_logit_softcapping": .number(2),
      "final_logit_softcapping": .number(6),
    ]
    let names = ["post_attention_layernorm": "post_attention_norm"]
    let checkpoint = try Self.golden.checkpoint().ggufStyle("gemma2", facts, names: names) { tensor in
      if tensor.name.hasSuffix("norm.weight") { return tensor.replacing(try tensor.floats().map { $0 + 1 }) }
      guard tensor.name.hasSuffix("attn_q.weight") else { return tensor }
      return tensor.replacing(try tensor.floats().map { $0 * factor })
    }
    try Self.golden.check(checkpoint)
  }

  @Test("every other layer has the window, and all scores are capped; without a cap in the file there is none")
  func layers() throws {
    var checkpoint = try Self.golden.checkpoint()
    let stores = try ArchitectureRegistry.describe(checkpoint).layout.stores
    #expect(stores.map(\.reach) == [.window(8), .everything, .window(8), .everything])
    #expect(stores.map(\.softcap) == [2, 2, 2, 2])
    checkpoint.metadata["attn_logit_softcapping"] = .null
    #expect(try ArchitectureRegistry.describe(checkpoint).layout.stores.map(\.softcap) == [nil, nil, nil, nil])
    checkpoint.metadata["attn_logit_softcapping"] = .number(-1)
    #expect(throws: ModelError.self) { try ArchitectureRegistry.describe(checkpoint) }
  }
}
