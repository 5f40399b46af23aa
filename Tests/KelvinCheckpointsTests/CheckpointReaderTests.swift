import Foundation
import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import Testing

@Suite("CheckpointReader")
struct CheckpointReaderTests {
  @Test("reads every kind of GGUF value and the tensors' places")
  func gguf() throws {
    let checkpoint = try CheckpointReader.read(path: Fixtures.path("malformed/gguf/good.gguf"))
    #expect(checkpoint.name == "good.gguf")
    #expect(checkpoint.style == .gguf)
    #expect(checkpoint.metadata["general.architecture"] == .string("llama"))
    #expect(checkpoint.metadata["llama.block_count"] == .integer(1))
    #expect(checkpoint.metadata["llama.attention.layer_norm_rms_epsilon"] == .number(Double(Float(1e-5))))
    #expect(checkpoint.metadata["tokenizer.ggml.scores"] == .numbers(Array(repeating: 0, count: 12)))
    guard case .strings(let tokens)? = checkpoint.metadata["tokenizer.ggml.tokens"] else {
      Issue.record("tokens are not strings")
      return
    }
    #expect(tokens.prefix(5) == ["<unk>", "<s>", "</s>", "a", "b"])
    #expect(checkpoint.tensors.count == 11)
    let key = try #require(checkpoint.tensors["blk.0.attn_k.weight"])
    #expect(key.shape == [4, 8])
    #expect(key.range == 1728 + 736..<1728 + 864)
  }

  @Test("reads nested arrays")
  func nestedArrays() throws {
    let checkpoint = try CheckpointReader.read(path: Fixtures.path("malformed/gguf/array-nesting-2.gguf"))
    #expect(checkpoint.metadata.values.contains(.array([.integers([7])])))
  }

  @Test("takes the tensors of a sharded folder from the files that the index names")
  func shards() throws {
    let whole = try CheckpointReader.read(path: Fixtures.path("malformed/hf/good"))
    let sharded = try CheckpointReader.read(path: Fixtures.path("malformed/hf/sharded-good"))
    #expect(sharded.name == "sharded-good")
    #expect(Set(sharded.tensors.keys) == Set(whole.tensors.keys))
    #expect(sharded.tensors.mapValues(\.shape) == whole.tensors.mapValues(\.shape))
    let configuration = try DecoderFamily.llama.configuration(of: sharded)
    try configuration.validate(sharded)
    let shards = Set(sharded.tensors.values.map { ObjectIdentifier($0.source as AnyObject) })
    #expect(shards.count == 2)
  }

  @Test("a lone safetensors file takes config.json from beside it")
  func loneFile() throws {
    let folder = try CheckpointReader.read(path: Fixtures.path("stories260k"))
    let file = try CheckpointReader.read(path: Fixtures.path("stories260k/model.safetensors"))
    #expect(file.metadata == folder.metadata)
    #expect(file.name == "model.safetensors")
    #expect(Set(file.tensors.keys) == Set(folder.tensors.keys))
  }

  @Test("names with escapes are read")
  func escapes() throws {
    let path = Fixtures.path("malformed/safetensors/good-escaped-name.safetensors")
    #expect(try Array(CheckpointReader.read(path: path).tensors.keys) == ["é😀\""])
  }

  @Test("generation_config.json adds the tokens that end an answer")
  func generationConfiguration() throws {
    try Fixtures.withFolder { folder in
      let source = Fixtures.folder.appendingPathComponent("malformed/hf/good")
      for name in ["config.json", "model.safetensors"] {
        try FileManager.default.copyItem(
          at: source.appendingPathComponent(name), to: folder.appendingPathComponent(name))
      }
      try Data(#"{"eos_token_id": [2, 7]}"#.utf8).write(to: folder.appendingPathComponent("generation_config.json"))
      let checkpoint = try CheckpointReader.read(path: folder.path)
      #expect(checkpoint.metadata["generation.eos_token_id"] == .integers([2, 7]))
    }
  }

  @Test("integer tensors are kept by name, and refused where a weight is needed")
  func otherTensors() throws {
    try Fixtures.withFolder { folder in
      let header = #"{"mask":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}"#
      var bytes = Data((0..<8).map { $0 == 0 ? UInt8(header.utf8.count) : 0 })
      bytes.append(Data(header.utf8))
      bytes.append(contentsOf: [0, 1])
      let file = folder.appendingPathComponent("masks.safetensors")
      try bytes.write(to: file)
      let checkpoint = try CheckpointReader.read(path: file.path)
      #expect(checkpoint.tensors.isEmpty)
      #expect(checkpoint.otherTensors == ["mask": "BOOL"])
    }
  }

  @Test("what is no model is refused with the list of formats")
  func unknown() throws {
    try Fixtures.withFolder { folder in
      let file = folder.appendingPathComponent("notes.txt")
      try Data("Dear diary".utf8).write(to: file)
      #expect(
        throws: CheckpointError.unknownFormat(
          file: "notes.txt", found: "10 bytes that begin with 44 65 61 72 20 64 69 61")
      ) { try CheckpointReader.read(path: file.path) }
    }
    #expect(throws: CheckpointError.unreadable(file: "none", reason: "No such file or directory")) {
      try CheckpointReader.read(path: "/nowhere/none")
    }
    #expect(throws: CheckpointError.unreadable(file: "null", reason: "not a regular file")) {
      try CheckpointReader.read(path: "/dev/null")
    }
  }

  @Test("releasing bytes keeps them readable")
  func release() throws {
    let checkpoint = try CheckpointReader.read(path: Fixtures.path("stories260k"))
    let tensor = try #require(checkpoint.tensors["model.embed_tokens.weight"])
    let before = try tensor.floats()
    tensor.source.release(tensor.range)
    #expect(try tensor.floats() == before)
  }
}

@Suite("llama2.c files")
struct Llama2CTests {
  /// A version-1 file of one layer: width 4, two heads, one KV head, feed-forward 3, vocabulary 5, context 6.
  private func versionOne(sharedHead: Bool) -> Data {
    var data = Data()
    for number: Int32 in [0x616b_3432, 1, 4, 3, 1, 2, 1, 5, 6] {
      data.append(contentsOf: (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
    }
    data.append(sharedHead ? 1 : 0)
    data.append(Data(count: 256 - data.count))
    let floats = 4 + 4 + 4 + 20 + 16 + 8 + 8 + 16 + 12 + 12 + 12 + (sharedHead ? 0 : 20)
    for index in 0..<floats {
      data.append(contentsOf: (0..<4).map { UInt8(truncatingIfNeeded: Float(index).bitPattern >> (8 * $0)) })
    }
    return data
  }

  @Test("version 1 has its tensors in its own order", arguments: [true, false])
  func tensors(sharedHead: Bool) throws {
    try Fixtures.withFolder { folder in
      let file = folder.appendingPathComponent("small.bin")
      try versionOne(sharedHead: sharedHead).write(to: file)
      let checkpoint = try CheckpointReader.read(path: file.path)
      let configuration = try DecoderFamily.llama.configuration(of: checkpoint)
      try configuration.validate(checkpoint)
      #expect(configuration.tiedEmbeddings == sharedHead)
      let firsts = try checkpoint.tensors.mapValues { try $0.floats()[0] }
      #expect(firsts["model.layers.0.input_layernorm.weight"] == 0)
      #expect(firsts["model.norm.weight"] == 8)
      #expect(firsts["model.embed_tokens.weight"] == 12)
      #expect(firsts["model.layers.0.self_attn.k_proj.weight"] == 48)
      #expect(firsts["model.layers.0.mlp.down_proj.weight"] == 92)
      #expect(firsts["lm_head.weight"] == (sharedHead ? nil : 116))
    }
  }

  @Test("a later version is refused by its number")
  func laterVersion() throws {
    try Fixtures.withFolder { folder in
      let file = folder.appendingPathComponent("small.bin")
      var data = versionOne(sharedHead: true)
      data[4] = 2
      try data.write(to: file)
      #expect(
        throws: CheckpointError.unsupported(
          file: "small.bin", part: "llama2.c version", found: "2", supported: ["the original", "1"])
      ) { try CheckpointReader.read(path: file.path) }
    }
  }
}
