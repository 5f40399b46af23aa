import Foundation
import KelvinAttention
import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import Testing

@Suite("One model in three formats")
struct FormatsAgreeTests {
  private let original: Checkpoint
  private let safetensors: Checkpoint
  private let gguf: Checkpoint

  init() throws {
    original = try CheckpointReader.read(path: Fixtures.path("stories260k/stories260K.bin"))
    safetensors = try CheckpointReader.read(path: Fixtures.path("stories260k"))
    gguf = try CheckpointReader.read(path: Fixtures.path("stories260k/stories260K-f32.gguf"))
  }

  @Test("all three describe the same Llama")
  func configurations() throws {
    var configurations = try [original, safetensors, gguf].map { try DecoderFamily.llama.configuration(of: $0) }
    for (configuration, checkpoint) in zip(configurations, [original, safetensors, gguf]) {
      #expect(throws: Never.self) { try configuration.validate(checkpoint) }
    }
    #expect(configurations.map { $0.rotary?.pairs } == [Rotary.Pairs.adjacent, .halves, .adjacent])
    #expect(configurations.map(\.style) == [.huggingFace, .huggingFace, .gguf])
    // The GGUF file has a copy of the embedding as its output head.
    #expect(configurations.map(\.tiedEmbeddings) == [true, true, false])
    for index in configurations.indices {
      configurations[index].rotary?.pairs = .adjacent
      configurations[index].style = .gguf
      configurations[index].names = DecoderTensorNames(.gguf)
      configurations[index].tiedEmbeddings = true
    }
    let llama = configurations[0]
    #expect(configurations.allSatisfy { $0 == llama })
    #expect(llama.sizes == [5, 64, 8, 4, 8, 172, 512, 512])
  }

  @Test("all tensors have the same numbers once the rows of queries and keys are in one order")
  func tensors() throws {
    let llama = try DecoderFamily.llama.configuration(of: original)
    let names = [DecoderTensorNames(.huggingFace), DecoderTensorNames(.gguf)]
    #expect(original.tensors.count == 5 * 9 + 2)
    try expectEqual(names.map(\.embedding))
    try expectEqual(names.map(\.finalNorm))
    for index in 0..<llama.layers {
      for part in LayerPart.allCases where llama.parts.contains(part) {
        let heads: [LayerPart: Int] = [.query: llama.heads, .key: llama.keyValueHeads[0]]
        try expectEqual(names.map { $0.name(part, layer: index) }, heads: heads[part])
      }
    }
    let head = try numbers(gguf, "output.weight")
    #expect(head == (try numbers(gguf, "token_embd.weight")))
  }

  /// Compares the tensor named `names[0]` in the original and the safetensors file with `names[1]` in the GGUF file.
  private func expectEqual(_ names: [String], heads: Int? = nil) throws {
    let expected = try numbers(original, names[0])
    #expect(try numbers(gguf, names[1]) == expected, "\(names[1])")
    #expect(gguf.tensors[names[1]]?.shape == original.tensors[names[0]]?.shape)
    #expect(safetensors.tensors[names[0]]?.shape == original.tensors[names[0]]?.shape)
    let halves = try numbers(safetensors, names[0])
    #expect((heads.map { adjacent(halves, heads: $0) } ?? halves) == expected, "\(names[0])")
  }

  /// Row `i` and row `i + width / 2` of every head, moved beside each other.
  private func adjacent(_ matrix: [Float], heads: Int) -> [Float] {
    let columns = 64
    let width = matrix.count / columns / heads
    return (0..<heads).flatMap { head in
      (0..<width).flatMap { row in
        let source = head * width + row / 2 + row % 2 * width / 2
        return matrix[source * columns..<(source + 1) * columns]
      }
    }
  }

  private func numbers(_ checkpoint: Checkpoint, _ name: String) throws -> [Float] {
    Array(try #require(checkpoint.tensors[name], "\(name)").floats())
  }
}

extension DecoderConfiguration {
  /// Layers, widths and counts in the order of declaration.
  var sizes: [Int] {
    [layers, hiddenWidth, heads, keyValueHeads[0], headWidth, feedForwardWidth, vocabulary, contextLength]
  }
}
