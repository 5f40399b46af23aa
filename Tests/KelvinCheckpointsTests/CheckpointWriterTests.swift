import Foundation
import KelvinCheckpoints
import KelvinTensors
import TestSupport
import Testing

@Suite("CheckpointWriter")
struct CheckpointWriterTests {
  static let files = [
    "F16", "IQ4_NL", "Q2_K", "Q3_K", "Q4_0", "Q4_1", "Q4_K", "Q5_0", "Q5_1", "Q5_K", "Q6_K", "Q8_0",
  ].map { TestSupport.Fixtures.path("gguf-llama256/tiny256-\($0).gguf") }

  private func expectSame(_ a: Checkpoint, _ b: Checkpoint) {
    #expect(a.style == b.style)
    #expect(a.metadata == b.metadata)
    #expect(Set(a.tensors.keys) == Set(b.tensors.keys))
    for (name, tensor) in a.tensors {
      #expect(b.tensors[name]?.shape == tensor.shape && b.tensors[name]?.format == tensor.format, "\(name)")
      #expect(b.tensors[name]?.bytes() == tensor.bytes(), "\(name)")
    }
  }

  private func entries(of folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  @Test("a GGUF file says the same after it was read and written, in every format", arguments: files)
  func gguf(_ path: String) throws {
    try Fixtures.withFolder { folder in
      let (first, second) = (folder.appendingPathComponent("a.gguf"), folder.appendingPathComponent("b.gguf"))
      let original = try CheckpointReader.read(path: path)
      try CheckpointWriter.write(original, path: first.path)
      let copy = try CheckpointReader.read(path: first.path)
      expectSame(original, copy)
      try CheckpointWriter.write(copy, path: second.path)
      #expect(try Data(contentsOf: first) == Data(contentsOf: second))
      #expect(try entries(of: folder) == ["a.gguf", "b.gguf"])
    }
  }

  @Test("every kind of value survives in GGUF, and integers keep their range")
  func values() throws {
    let metadata: [String: MetadataValue] = [
      "general.architecture": .string("llama"), "a.zero": .integer(0), "a.negative": .integer(-7),
      "a.largest": .integer(Int(UInt32.max)), "a.long": .integer(1 << 40), "a.least": .integer(.min),
      "a.single": .number(0.5), "a.double": .number(0.1), "a.infinite": .number(.infinity), "a.flag": .bool(true),
      "a.text": .string("zwölf ⅓ 😀"), "a.flags": .bools([true, false]), "a.integers": .integers([1, -2, 3]),
      "a.longs": .integers([1, 1 << 40]), "a.singles": .numbers([0.25, -1]), "a.doubles": .numbers([0.1, 2]),
      "a.texts": .strings(["", "x"]), "a.nested": .array([.integers([7]), .strings(["y"]), .array([.bools([true])])]),
    ]
    let checkpoint = Checkpoint(name: "x", style: .gguf, metadata: metadata, tensors: [:])
    try Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("x.gguf").path
      try CheckpointWriter.write(checkpoint, path: path)
      #expect(try CheckpointReader.read(path: path).metadata == metadata)
    }
  }

  @Test("a Hugging Face folder says the same after it was read and written")
  func folder() throws {
    try Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("copy").path
      let original = try CheckpointReader.read(path: TestSupport.Fixtures.path("llama-gqa"))
      try CheckpointWriter.write(original, path: path, files: ["tokenizer.json": Array("{}".utf8)])
      let copy = try CheckpointReader.read(path: path)
      #expect(copy.metadata["rope_scaling"] == original.metadata["rope_scaling"])
      expectSame(original, copy)
      #expect(try entries(of: URL(fileURLWithPath: path)) == ["config.json", "model.safetensors", "tokenizer.json"])
    }
  }

  @Test("JSON text is read back to the same value")
  func json() throws {
    let value: MetadataValue = .object([
      "a \"b\"\\\n\u{1}😀": .array([.null, .bool(true), .integer(-3), .string("x")]), "n": .numbers([1e-5, 0.1, 1e300]),
      "empty": .object([:]), "list": .array([]),
    ])
    for isIndented in [true, false] { #expect(try JSON.parse(Array(value.json(isIndented: isIndented).utf8)) == value) }
  }

  @Test("what is there already is not touched")
  func existing() throws {
    let checkpoint = Checkpoint(name: "x", style: .gguf, metadata: [:], tensors: [:])
    try Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("x.gguf")
      try Data("precious".utf8).write(to: path)
      #expect(
        throws: CheckpointError.occupied(file: "x.gguf")
      ) { try CheckpointWriter.write(checkpoint, path: path.path) }
      #expect(try Data(contentsOf: path) == Data("precious".utf8))
      #expect(try entries(of: folder) == ["x.gguf"])
    }
  }

  @Test("what is cancelled leaves nothing behind", arguments: [Checkpoint.Style.gguf, .huggingFace])
  func cancelled(_ style: Checkpoint.Style) throws {
    let model = style == .gguf ? "gguf-llama256/tiny256-Q8_0.gguf" : "llama-gqa"
    let checkpoint = try CheckpointReader.read(path: TestSupport.Fixtures.path(model))
    try Fixtures.withFolder { folder in
      #expect {
        try CheckpointWriter.write(checkpoint, path: folder.appendingPathComponent("x").path) { $0 < 0.5 }
      } throws: { ($0 as? CheckpointError)?.isCancelled ?? false }
      let left = try entries(of: folder)
      #expect(left == [])
    }
  }

  @Test("what a format cannot hold is refused by its name, and leaves nothing behind")
  func inexpressible() throws {
    var checkpoint = try CheckpointReader.read(path: Self.files[4])
    try Fixtures.withFolder { folder in
      checkpoint.style = .huggingFace
      #expect {
        try CheckpointWriter.write(checkpoint, path: folder.appendingPathComponent("x").path)
      } throws: { "\($0)".contains("found Q4_0, which this format cannot hold, expected BF16, F16, F32") }
      checkpoint.style = .gguf
      checkpoint.metadata["a.object"] = .object([:])
      #expect {
        try CheckpointWriter.write(checkpoint, path: folder.appendingPathComponent("x.gguf").path)
      } throws: { "\($0)".contains("value of 'a.object': found an object") }
      let left = try entries(of: folder)
      #expect(left == [])
    }
    #expect {
      try CheckpointWriter.write(checkpoint, path: "/nowhere/folder")
    } throws: { ($0 as? CheckpointError) != nil }
  }
}
