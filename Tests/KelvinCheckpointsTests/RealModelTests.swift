import Foundation
import KelvinAttention
import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import Testing

/// SmolLM2-135M-Instruct as Q4_1, which is too large to keep beside the tests: looked for where the `kelvin` command
/// keeps its models.
enum RealModel {
  static let path: String? = {
    let environment = ProcessInfo.processInfo.environment
    let cache =
      environment["XDG_CACHE_HOME"] ?? FileManager.default.homeDirectoryForCurrentUser.path + "/.cache"
    let places = [environment["KELVIN_MODEL"], cache + "/kelvin/SmolLM2-135M-Instruct.Q4_1.gguf"]
    return places.compactMap(\.self).first {
      $0.hasSuffix("SmolLM2-135M-Instruct.Q4_1.gguf") && FileManager.default.fileExists(atPath: $0)
    }
  }()
}

@Suite("SmolLM2-135M-Instruct")
struct RealModelTests {
  @Test(
    "is read with all its tensors and facts",
    .enabled(
      if: RealModel.path != nil,
      "needs SmolLM2-135M-Instruct.Q4_1.gguf in the cache folder 'kelvin', or KELVIN_MODEL set to its path"))
  func facts() throws {
    let checkpoint = try CheckpointReader.read(path: try #require(RealModel.path))
    #expect(checkpoint.tensors.count == 272)
    #expect(checkpoint.metadata.count == 33)
    guard case .strings(let tokens)? = checkpoint.metadata["tokenizer.ggml.tokens"],
      case .strings(let merges)? = checkpoint.metadata["tokenizer.ggml.merges"]
    else {
      Issue.record("no tokens or merges")
      return
    }
    #expect(tokens.count == 49_152)
    #expect(merges.count == 48_900)
    #expect(tokens.prefix(3) == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    let llama = try DecoderFamily.llama.configuration(of: checkpoint)
    try llama.validate(checkpoint)
    #expect(llama.sizes == [30, 576, 9, 3, 64, 1536, 49_152, 8192])
    #expect(llama.tiedEmbeddings)
    #expect(llama.rotary?.frequencies.count == 32)
    #expect(checkpoint.tensors["token_embd.weight"]?.format == .q8_0)
    #expect(checkpoint.tensors["blk.0.attn_q.weight"]?.format == .q4_1)
    let formats = Dictionary(grouping: checkpoint.tensors.values, by: \.format).mapValues(\.count)
    #expect(formats == [.q8_0: 1, .q4_1: 210, .f32: 61])
  }
}
