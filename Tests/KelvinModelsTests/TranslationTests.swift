import KelvinCheckpoints
import KelvinAttention
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("A Llama in the names of the other style")
struct TranslationTests {
  static let folders = ["llama-mha", "llama-gqa", "llama-mqa", "llama-mixed", "llama-rope3"]

  private func translate(_ checkpoint: Checkpoint, _ style: Checkpoint.Style) throws -> Checkpoint {
    try ArchitectureRegistry.conversion(of: checkpoint).translate(checkpoint, to: style)
  }

  private func read(_ name: String) throws -> Checkpoint { try CheckpointReader.read(path: Fixtures.path(name)) }

  @Test("has the logits of the reference within 1e-4", arguments: folders)
  func logits(_ folder: String) throws {
    let golden: CheckpointGolden = try Fixtures.json(folder + "/golden.json")
    let gguf = try translate(read(folder), .gguf)
    #expect(gguf.tensors["blk.0.attn_q.weight"] != nil)
    let model = try TestModel(gguf)
    var cache = model.cache()
    let distances = golden.distances(try model.read(golden.tokens, into: &cache))
    #expect(distances.logits <= GoldenCheckpointTests.tolerance)
  }

  @Test("comes back with the same sizes and the same bytes", arguments: folders.filter { $0 != "llama-rope3" })
  func back(_ folder: String) throws {
    let original = try read(folder)
    let back = try translate(translate(original, .gguf), .huggingFace)
    #expect(Set(back.tensors.keys) == Set(original.tensors.keys))
    for (name, tensor) in original.tensors { #expect(back.tensors[name]?.bytes() == tensor.bytes(), "\(name)") }
    for key in ["hidden_size", "num_key_value_heads", "vocab_size", "rms_norm_eps", "tie_word_embeddings"] {
      #expect(back.metadata[key] == original.metadata[key], "\(key)")
    }
    #expect(back.metadata["rope_theta"]?.number == original.metadata["rope_theta"]?.number)
  }

  @Test("Llama 3.1's scaling of positions becomes a table of divisors, and comes back from it")
  func llama3() throws {
    var original = try read("llama-rope3")
    original.metadata["rope_theta"] = .number(500_000)
    original.metadata["rope_scaling"] = .object([
      "rope_type": .string("llama3"), "factor": .number(8), "low_freq_factor": .number(1),
      "high_freq_factor": .number(4), "original_max_position_embeddings": .integer(8192),
    ])
    let gguf = try translate(original, .gguf)
    #expect(gguf.tensors["rope_freqs.weight"]?.shape == [16])
    let back = try translate(gguf, .huggingFace)
    #expect(back.metadata["rope_scaling"] == original.metadata["rope_scaling"])
    #expect(
      try DecoderFamily.llama.configuration(of: back).rotary
        == DecoderFamily.llama.configuration(of: original).rotary)
  }

  @Test("a linear scaling of positions is carried over both ways")
  func linear() throws {
    var original = try read("llama-rope3")
    original.metadata = try CheckpointReader.read(
      configuration: Fixtures.path("llama-rope3/variants/linear.config.json")
    ).metadata
    let gguf = try translate(original, .gguf)
    #expect(gguf.metadata["llama.rope.scaling.type"] == .string("linear"))
    #expect(gguf.tensors["rope_freqs.weight"] == nil)
    let before = try DecoderFamily.llama.configuration(of: original)
    let after = try DecoderFamily.llama.configuration(of: translate(gguf, .huggingFace))
    #expect(before.rotary == after.rotary)
  }

  @Test("a table of divisors that is no published one is refused where it has no place")
  func table() throws {
    var gguf = try translate(read("llama-mha"), .gguf)
    gguf.tensors["rope_freqs.weight"] = StoredTensor(name: "rope_freqs.weight", shape: [8]) {
      [1, 2, 3, 4, 5, 6, 7, 9]
    }
    #expect {
      try translate(gguf, .huggingFace)
    } throws: { "\($0)".contains("'rope_freqs.weight' is a table that is not Llama 3.1's") }
  }

  @Test("a file that is not a whole model is refused before anything is made of it")
  func broken() throws {
    var checkpoint = try read("llama-mha")
    checkpoint.tensors["model.norm.weight"] = nil
    #expect(throws: ModelError.missingTensor(model: "llama-mha", tensor: "model.norm.weight")) {
      try translate(checkpoint, .gguf)
    }
  }
}
