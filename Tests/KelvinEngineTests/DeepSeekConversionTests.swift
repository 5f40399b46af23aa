import Foundation
import KelvinCheckpoints
import KelvinEngine
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("ModelConversion of a DeepSeek")
struct DeepSeekConversionTests {
  private func logits(_ path: String) throws -> [[Float]] {
    let model = try TestModel(CheckpointReader.read(path: path))
    var cache = model.cache()
    return try model.read(TinyEngine.prompt(40), into: &cache)
  }

  @Test(
    "the files compute what the folder does, bit for bit",
    arguments: ["deepseek-v2-lite-dense", "deepseek-v2-qlora-dense", "deepseek-v2-moe", "deepseek-v3"])
  func files(_ name: String) async throws {
    try await Fixtures.withFolder { folder in
      let source = Fixtures.path(name)
      let (gguf, back) = (folder.appendingPathComponent("x.gguf").path, folder.appendingPathComponent("back").path)
      try ModelConversion(from: source, to: gguf, options: .oneThread(nil)).write()
      try ModelConversion(from: gguf, to: back, options: .oneThread(nil)).write()
      #expect(try ModelInspection(path: gguf).description.architecture == "deepseek2")
      let expected = try logits(source)
      #expect(try logits(gguf) == expected && logits(back) == expected)
    }
  }

  @Test("experts get the type, routers and what corrects them stay f32")
  func formats() async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("x.gguf").path
      let conversion = try ModelConversion(from: Fixtures.path("deepseek-v3"), to: path, options: .oneThread(.q8_0))
      try conversion.write()
      let tensors = try CheckpointReader.read(path: path).tensors
      func format(_ name: String) -> WeightFormat? { tensors["blk.1.\(name)"]?.format }
      #expect(format("ffn_gate_exps.weight") == .q8_0 && format("ffn_up_exps.weight") == .q8_0)
      // Experts of width 16, and 24 numbers of a latent, are no whole blocks.
      #expect(format("ffn_down_exps.weight") == .f16 && format("attn_v_b.weight") == .f16)
      #expect(format("ffn_gate_inp.weight") == .f32 && format("exp_probs_b.bias") == .f32)
      #expect(format("attn_kv_a_norm.weight") == .f32 && format("attn_kv_a_mqa.weight") == .q8_0)
      let (found, expected) = (try logits(path), try logits(Fixtures.path("deepseek-v3")))
      // Eight bits: a hundredth of the numbers, which reach about 5; experts near the border may be other ones.
      let mean = zip(found, expected).map { greatestDifference($0, $1) }.reduce(0, +) / Float(found.count)
      #expect(mean > 0 && mean < 0.5)
    }
  }

  @Test("experts in blocks that nobody asked to change keep their bytes on the way back to GGUF")
  func kept() async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("q8.gguf").path
      try ModelConversion(from: Fixtures.path("deepseek-v3"), to: path, options: .oneThread(.q8_0)).write()
      let copy = try ModelConversion(from: path, to: "/nowhere/x.gguf", options: .oneThread(nil)).report
      #expect(copy.bytesAfter == copy.bytesBefore)
      let report = try ModelConversion(from: path, to: "/nowhere/x", options: .oneThread(nil)).report
      #expect(Set(report.formats.map(\.format)) == ["f16", "f32"])
    }
  }

  @Test("KV heads cannot be pooled")
  func pooling() {
    let error = #expect(throws: EngineError.self) {
      try ModelConversion(from: Fixtures.path("deepseek-v3"), to: "/nowhere/x.gguf", options: .oneThread(nil, heads: 1))
    }
    #expect(error.map { "\($0)".contains("option 'kv-heads': pooling latents") } == true)
  }

  @Test("layers behind the last are left out with a note")
  func extraLayers() async throws {
    try await Fixtures.withFolder { folder in
      let source = URL(fileURLWithPath: Fixtures.path("deepseek-v3"))
      try FileManager.default.copyItem(
        at: source.appendingPathComponent("model.safetensors"), to: folder.appendingPathComponent("model.safetensors"))
      let configuration = try String(contentsOf: source.appendingPathComponent("config.json"), encoding: .utf8)
        .replacing("\"kv_lora_rank\"", with: "\"num_nextn_predict_layers\": 1, \"kv_lora_rank\"")
      try Data(configuration.utf8).write(to: folder.appendingPathComponent("config.json"))
      let report = try ModelConversion(from: folder.path, to: "/nowhere/x.gguf", options: .oneThread(nil)).report
      #expect(report.notes.contains { $0.contains("num_nextn_predict_layers") })
    }
  }
}
