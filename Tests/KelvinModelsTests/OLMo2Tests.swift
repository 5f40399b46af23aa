import KelvinModels
import KelvinTensors
import Testing

@Suite("OLMo 2")
struct OLMo2Tests {
  static let goldens = FamilyGolden.all("olmo2")

  @Test("gives the logits of the reference, however it is read", arguments: goldens)
  func golden(_ golden: FamilyGolden) throws { try golden.check(golden.checkpoint()) }

  @Test("gives the same under GGUF's names")
  func gguf() throws {
    let names = ["post_attention_layernorm": "post_attention_norm"]
    try Self.goldens[0].check(Self.goldens[0].checkpoint().ggufStyle("olmo2", names: names))
  }

  @Test("a norm in front of attention is not part of it")
  func norms() throws {
    var checkpoint = try Self.goldens[0].checkpoint()
    let name = "model.layers.0.input_layernorm.weight"
    checkpoint.tensors[name] = checkpoint.tensors["model.norm.weight"]
    let model = try DecoderFamily.olmo2.configuration(of: checkpoint)
    #expect(throws: ModelError.unknownTensor(model: "olmo2", tensor: name, architecture: "olmo2")) {
      try model.validate(checkpoint)
    }
  }
}
