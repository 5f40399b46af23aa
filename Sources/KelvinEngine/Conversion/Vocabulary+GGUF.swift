import KelvinTensors
import KelvinText

extension Vocabulary {
  /// The keys `tokenizer.ggml.*` and `tokenizer.chat_template` that say what this vocabulary says.
  ///
  /// - Parameter rows: tokens that the model's embedding has; holes fill the vocabulary up to it.
  func ggufMetadata(rows: Int) -> [String: MetadataValue] {
    let holes = max(0, rows - count)
    func filled<Element>(_ list: [Element], _ hole: (Int) -> Element) -> [Element] {
      list + (0..<holes).map { hole(count + $0) }
    }
    var values: [String: MetadataValue] = [
      "tokens": .strings(filled(pieces) { "[PAD\($0)]" }),
      "token_type": .integers(filled(kinds) { _ in .unused }.map { Int($0.rawValue) }),
      "add_bos_token": .bool(special.addsBegin), "add_eos_token": .bool(special.addsEnd),
    ]
    switch model {
    case .byteLevelBPE(let rule):
      values["model"] = .string("gpt2")
      values["pre"] = .string(rule.ggufName)
      values["merges"] = .strings(merges)
    case .sentencePiece:
      values["model"] = .string("llama")
      values["pre"] = .string("default")
      values["scores"] = .numbers(filled(scoresByMerge.map { Double($0) }) { _ in -1e6 })
      values["add_space_prefix"] = .bool(spacePrefix != .never)
    }
    let roles = [
      ("bos_token_id", special.begin), ("eos_token_id", special.end), ("unknown_token_id", special.unknown),
      ("padding_token_id", special.padding),
      // GGUF names one more token that ends an answer.
      ("eot_token_id", special.endOfGeneration.subtracting([special.end].compactMap { $0 }).min()),
    ]
    for (key, id) in roles { values[key] = id.map { .integer(Int($0)) } }
    var metadata: [String: MetadataValue] = [:]
    for (key, value) in values { metadata["tokenizer.ggml." + key] = value }
    metadata["tokenizer.chat_template"] = chatTemplate.map { .string($0) }
    return metadata
  }

  /// What this vocabulary does that a GGUF file has no key for, in words.
  var ggufLosses: [String] {
    var losses: [String] = []
    if composesCharacters { losses.append("text is brought to Unicode normal form C") }
    if !swallowsSpaceBefore.union(swallowsSpaceAfter).isEmpty { losses.append("special tokens swallow white space") }
    if model == .sentencePiece, keepsLeadingSpace || spacePrefix == .first {
      losses.append("a space goes in front of some texts only")
    }
    return losses
  }
}
