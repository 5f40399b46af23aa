import Foundation
import KelvinTensors
import KelvinText

/// Takes what a model says about text from one container into another: tokenizer, roles of tokens, chat template.
struct TextCarrier {
  /// Files that go beside safetensors.
  private(set) var files: [String: [UInt8]] = [:]
  /// What the new container has no place for.
  private(set) var notes: [String] = []
  private let style: Checkpoint.Style
  private let vocabulary: Vocabulary?

  /// Files of a folder that are about text; they are taken over as they are.
  private static let names = [
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
    "generation_config.json", "chat_template.jinja", "vocab.json", "merges.txt",
  ]

  /// - Parameters:
  ///   - path: of the source, for the files beside its weights.
  ///   - style: of what is written.
  init(_ source: Checkpoint, path: String, style: Checkpoint.Style) throws(EngineError) {
    self.style = style
    do {
      switch (source.style, style) {
      case (.gguf, .gguf): vocabulary = nil
      case (.huggingFace, .gguf):
        vocabulary = try Vocabulary(source, path: path)
        notes = vocabulary?.ggufLosses.map { "the tokenizer loses a rule that GGUF has no key for: \($0)" } ?? []
      case (.huggingFace, .huggingFace) where source.metadata["kelvin.rotary_pairs"] == nil:
        vocabulary = nil
        files = Self.files(beside: path)
      case (_, .huggingFace):
        vocabulary = try Vocabulary(source, path: path)
        if let vocabulary { files = try Self.files(for: vocabulary) }
      }
    } catch {
      throw .text("\(source.name): \(error.description)")
    }
  }

  /// Writes into the metadata what belongs there.
  func add(to checkpoint: inout Checkpoint, source: Checkpoint) {
    switch (source.style, style) {
    case (_, .gguf) where source.style != .gguf:
      guard let vocabulary else {
        // llama.cpp needs the key; a model without a vocabulary works on token ids.
        checkpoint.metadata["tokenizer.ggml.model"] = .string("none")
        return
      }
      let rows = checkpoint.metadata["\(architecture(checkpoint)).vocab_size"]?.integer ?? vocabulary.count
      checkpoint.metadata.merge(vocabulary.ggufMetadata(rows: rows)) { _, new in new }
    case (_, .huggingFace) where vocabulary != nil:
      let special = vocabulary?.special ?? SpecialTokens()
      let roles = [
        ("bos_token_id", special.begin), ("eos_token_id", special.end), ("pad_token_id", special.padding),
      ]
      for (key, id) in roles { checkpoint.metadata[key] = id.map { .integer(Int($0)) } }
    default: break
    }
  }

  private func architecture(_ checkpoint: Checkpoint) -> String {
    checkpoint.metadata["general.architecture"]?.string ?? ""
  }

  /// Those of `names` that lie in a folder, or beside a file.
  private static func files(beside path: String) -> [String: [UInt8]] {
    var isFolder: ObjCBool = false
    _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    let url = URL(fileURLWithPath: path)
    let folder = isFolder.boolValue ? url : url.deletingLastPathComponent()
    var files: [String: [UInt8]] = [:]
    for name in names {
      files[name] = (try? Data(contentsOf: folder.appendingPathComponent(name))).map { [UInt8]($0) }
    }
    return files
  }

  private static func files(for vocabulary: Vocabulary) throws(TextError) -> [String: [UInt8]] {
    // Roles are checked before anybody looks up their spelling.
    _ = try Tokenizer(vocabulary)
    var files = [
      "tokenizer.json": Array(try vocabulary.tokenizerJSON().text.utf8),
      "tokenizer_config.json": Array(vocabulary.tokenizerConfiguration().text.utf8),
    ]
    let special = vocabulary.special
    let ends = special.endOfGeneration.union([special.end].compactMap { $0 }).sorted()
    if ends.count > 1 {
      let list: JSONValue = .array(ends.map { .integer(Int($0)) })
      files["generation_config.json"] = Array(JSONValue.object([.init("eos_token_id", list)]).text.utf8)
    }
    return files
  }
}
