import KelvinAttention
import KelvinModels
import KelvinTensors
import Testing

@Suite("Qwen 2")
struct Qwen2Tests {
  static let goldens = FamilyGolden.all("qwen2")

  @Test("gives the logits of the reference, however it is read", arguments: goldens)
  func golden(_ golden: FamilyGolden) throws { try golden.check(golden.checkpoint()) }

  @Test("gives the same under GGUF's names")
  func gguf() throws { try Self.goldens[0].check(Self.goldens[0].checkpoint().ggufStyle("qwen2")) }

  @Test("the layers from max_window_layers on have the window, where it is used")
  func windows() throws {
    var checkpoint = try Self.goldens[0].checkpoint()
    #expect(try ArchitectureRegistry.describe(checkpoint).layout.stores.map(\.reach) == [.everything, .everything])
    checkpoint.metadata["use_sliding_window"] = .bool(true)
    checkpoint.metadata["max_window_layers"] = .integer(1)
    #expect(try ArchitectureRegistry.describe(checkpoint).layout.stores.map(\.reach) == [.everything, .window(256)])
    checkpoint.metadata["max_window_layers"] = .integer(-1)
    #expect(throws: ModelError.self) { try ArchitectureRegistry.describe(checkpoint) }
  }

  @Test("a missing bias is refused by its name")
  func bias() throws {
    var checkpoint = try Self.goldens[0].checkpoint()
    checkpoint.tensors["model.layers.1.self_attn.k_proj.bias"] = nil
    let model = try DecoderFamily.qwen2.configuration(of: checkpoint)
    #expect(throws: ModelError.missingTensor(model: "qwen2", tensor: "model.layers.1.self_attn.k_proj.bias")) {
      try model.validate(checkpoint)
    }
  }
}
