import KelvinModels
import KelvinTensors
import Testing

@Suite("Qwen 3")
struct Qwen3Tests {
  static let goldens = FamilyGolden.all("qwen3")

  @Test("gives the logits of the reference, however it is read", arguments: goldens)
  func golden(_ golden: FamilyGolden) throws { try golden.check(golden.checkpoint()) }

  @Test("gives the same under GGUF's names")
  func gguf() throws {
    let checkpoint = try Self.goldens[0].checkpoint().ggufStyle("qwen3", ["attention.value_length": .integer(24)])
    try Self.goldens[0].check(checkpoint)
  }

  @Test("a norm of another width than a head is refused")
  func norms() throws {
    var checkpoint = try Self.goldens[0].checkpoint()
    checkpoint.tensors["model.layers.0.self_attn.q_norm.weight"]?.shape = [96]
    let model = try DecoderFamily.qwen3.configuration(of: checkpoint)
    #expect(
      throws: ModelError.wrongShape(
        model: "qwen3", tensor: "model.layers.0.self_attn.q_norm.weight", found: [96], expected: [24],
        meaning: "head width")
    ) { try model.validate(checkpoint) }
  }
}
