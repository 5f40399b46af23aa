import Foundation
import KelvinEngine
import KelvinModels
import KelvinTensors
import KelvinText
import TestSupport
import Testing

@Suite("ModelConversion")
struct ConversionTests {
  private func names(_ report: ConversionReport) -> [String: Int] {
    Dictionary(uniqueKeysWithValues: report.formats.map { ($0.format, $0.tensors) })
  }

  @Test("matrices get the type, vectors f32, embedding and head at least six bits")
  func rule() throws {
    let source = Fixtures.path("gguf-llama256/tiny256-F16.gguf")
    let four = try ModelConversion(from: source, to: "/nowhere/x.gguf", options: .oneThread(.q4_K)).report
    let eight = try ModelConversion(from: source, to: "/nowhere/x.gguf", options: .oneThread(.q8_0)).report
    #expect(four.notes == [] && eight.notes == [])
    #expect(names(four)["q6_K"] == 1 && names(four)["q4_K"] == names(eight)["q8_0"].map { $0 - 1 })
    #expect(names(four)["f32"] == names(eight)["f32"])
    #expect(four.bytesAfter < eight.bytesAfter && eight.bytesAfter < eight.bytesBefore)
    #expect(four.bitsPerWeight == Double(four.bytesAfter * 8) / Double(four.weights))
  }

  @Test("rows that are no whole blocks take the next wider format, with a note")
  func narrow() throws {
    // Hidden width 64, feed-forward width 48: no row has whole blocks of 256, and those of 48 none of 32.
    let report = try ModelConversion(
      from: Fixtures.path("llama-mha"), to: "/nowhere/x.gguf", options: .oneThread(.q4_K)
    ).report
    #expect(names(report) == ["f32": 5, "q4_1": 12, "q8_0": 2, "f16": 2])
    #expect(
      report.notes == [
        "2 tensors, from blk.0.ffn_down.weight on, as f16: rows are no whole blocks",
        "12 tensors, from blk.0.attn_k.weight on, as q4_1: rows are no whole blocks",
        "2 tensors, from output.weight on, as q8_0: rows are no whole blocks",
      ])
  }

  @Test("without a type a GGUF file keeps its bytes, and safetensors take f16 for what they cannot hold")
  func kept() throws {
    let source = Fixtures.path("gguf-llama256/tiny256-Q4_1.gguf")
    let copy = try ModelConversion(from: source, to: "/nowhere/x.gguf", options: .oneThread(nil)).report
    #expect(copy.bytesAfter == copy.bytesBefore)
    let folder = try ModelConversion(from: source, to: "/nowhere/x", options: .oneThread(nil)).report
    #expect(Set(names(folder).keys) == ["f16", "f32"])
  }

  @Test("pooled heads keep the format that they had")
  func pooled() async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("q8.gguf").path
      try ModelConversion(from: Fixtures.path("llama-mha"), to: path, options: .oneThread(.q8_0)).write()
      let whole = try ModelConversion(from: path, to: "/nowhere/x.gguf", options: .oneThread(nil)).report
      let report = try ModelConversion(from: path, to: "/nowhere/x.gguf", options: .oneThread(nil, heads: 1)).report
      #expect(names(report) == names(whole))
      // Keys and values of 2 layers, 3 of 4 heads of 16 rows of 64 numbers less.
      #expect(whole.weights - report.weights == 2 * 2 * 3 * 16 * 64)
      #expect(whole.bytesAfter - report.bytesAfter == 2 * 2 * 3 * 16 * 68)
    }
  }

  @Test("a model with tokenizer and chat template goes to GGUF and back with the same template, tokens and sizes")
  func text() async throws {
    try await TinyEngine.withFolderOfChat { source in
      try await Fixtures.withFolder { folder in
        let (gguf, back) = (folder.appendingPathComponent("x.gguf").path, folder.appendingPathComponent("back").path)
        try ModelConversion(from: source.path, to: gguf, options: .oneThread(nil)).write()
        try ModelConversion(from: gguf, to: back, options: .oneThread(nil)).write()
        let original = try LoadedModel.tokenizer(path: source.path)
        for path in [gguf, back] {
          let tokenizer = try LoadedModel.tokenizer(path: path)
          #expect(tokenizer.vocabulary.chatTemplate == original.vocabulary.chatTemplate)
          #expect(tokenizer.vocabulary.special.end == original.vocabulary.special.end)
          #expect(tokenizer.encode("abc<|im_end|>de\n") == original.encode("abc<|im_end|>de\n"))
        }
        let inspection = try ModelInspection(path: back)
        #expect(inspection.description == (try ModelInspection(path: source.path)).description)
      }
    }
  }

  @Test("numbers beyond a half's range stay f32, with a note")
  func large() throws {
    try withModel { path in
      let report = try ModelConversion(from: path, to: "/nowhere/x.gguf", options: .oneThread(.q8_0)).report
      #expect(report.notes.contains("tensor token_embd.weight as f32: numbers are not finite or too large"))
    }
  }

  /// The Llama with GQA, its embedding (which is tied) overwritten.
  private func withModel(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("kelvin-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = URL(fileURLWithPath: Fixtures.path("llama-gqa"))
    try FileManager.default.copyItem(
      at: source.appendingPathComponent("config.json"), to: folder.appendingPathComponent("config.json"))
    var bytes = try Data(contentsOf: source.appendingPathComponent("model.safetensors"))
    let header = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let object = try JSONSerialization.jsonObject(with: bytes[8..<8 + header]) as? [String: [String: Any]]
    let offsets = try #require(object?["model.embed_tokens.weight"]?["data_offsets"] as? [Int])
    let million = withUnsafeBytes(of: Float(1e6).bitPattern.littleEndian) { Data($0) }
    bytes.replaceSubrange(8 + header + offsets[0]..<8 + header + offsets[0] + 4, with: million)
    try bytes.write(to: folder.appendingPathComponent("model.safetensors"))
    try body(folder.path)
  }

  @Test("a name for a lone safetensors file is refused")
  func name() {
    #expect(throws: EngineError.self) {
      try ModelConversion(from: Fixtures.path("llama-mha"), to: "/nowhere/model.safetensors")
    }
  }
}
