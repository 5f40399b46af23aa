extension TokenizerJSON {
  /// SentencePiece-like files put `▁` in front with `Prepend` and replace spaces; byte-level ones may compose.
  func applyNormalizer(_ normalizer: JSONValue, to vocabulary: inout Vocabulary) throws(TextError) {
    if vocabulary.model == .sentencePiece { vocabulary.spacePrefix = .never }
    let steps = normalizer["type"] == "Sequence" ? normalizer["normalizers"]?.array ?? [] : [normalizer]
    for step in steps where step != .null {
      let isReplacement = step["type"] == "Replace" && step["pattern"]?["String"] == " " && step["content"] == "▁"
      switch (step["type"]?.string ?? "", vocabulary.model) {
      case ("NFC", _): vocabulary.composesCharacters = true
      case ("Prepend", .sentencePiece) where step["prepend"] == "▁": vocabulary.spacePrefix = .everySegment
      case ("Replace", .sentencePiece) where isReplacement: break
      case (let type, _): throw Self.unsupported("normalizer '\(type)'")
      }
    }
  }

  /// Takes `Metaspace`, which puts `▁` in front and replaces spaces.
  ///
  /// `Split` at spaces, after those were replaced, does nothing.
  func applyMetaspace(to vocabulary: inout Vocabulary) throws(TextError) {
    let step = root["pre_tokenizer"] ?? .null
    switch step["type"]?.string {
    case nil: return
    case "Split" where step["pattern"]?["String"] == " ": return
    case "Metaspace" where step["split"]?.boolean == false:
      vocabulary.keepsLeadingSpace = true
      switch step["prepend_scheme"]?.string ?? "always" {
      case "always": vocabulary.spacePrefix = .everySegment
      case "first": vocabulary.spacePrefix = .first
      default: vocabulary.spacePrefix = .never
      }
    case "Metaspace": throw Self.unsupported("pre_tokenizer 'Metaspace' that splits")
    case let type?: throw Self.unsupported("pre_tokenizer '\(type)' with byte_fallback")
    }
  }

  /// `TemplateProcessing` says which tokens go around a text.
  func applyPostProcessor(_ processor: JSONValue, to vocabulary: inout Vocabulary) {
    let steps = processor["type"] == "Sequence" ? processor["processors"]?.array ?? [] : [processor]
    for step in steps where step["type"] == "TemplateProcessing" {
      let parts = step["single"]?.array ?? []
      let place = parts.firstIndex { $0["Sequence"] != nil } ?? parts.count
      func token(_ part: JSONValue?) -> Int32? {
        guard let name = part?["SpecialToken"]?["id"]?.string else { return nil }
        return vocabulary.pieces.firstIndex(of: name).map { Int32($0) }
      }
      if place > 0, let id = token(parts.first) {
        (vocabulary.special.begin, vocabulary.special.addsBegin) = (id, true)
      }
      if place + 1 < parts.count, let id = token(parts.last) {
        (vocabulary.special.end, vocabulary.special.addsEnd) = (id, true)
      }
    }
  }
}

extension Vocabulary {
  /// Reads a Hugging Face `tokenizer.json` and, if there is one, the `tokenizer_config.json` beside it.
  ///
  /// The second file adds the chat template (the one named `default` of several) and the begin, end and padding tokens.
  /// Errors: `malformedFile`, `malformedField`, and `unsupported…` for what would be tokenised differently.
  public init(tokenizerJSON: [UInt8], configJSON: [UInt8]? = nil) throws(TextError) {
    self = try TokenizerJSON(tokenizerJSON).vocabulary()
    guard let configJSON else { return }
    let config = try JSONValue(parsing: configJSON, format: "tokenizer_config.json")
    special.begin = token(config["bos_token"]) ?? special.begin
    special.end = token(config["eos_token"]) ?? special.end
    special.unknown = token(config["unk_token"]) ?? special.unknown
    special.padding = token(config["pad_token"]) ?? special.padding
    if config["add_bos_token"]?.boolean == true { special.addsBegin = special.begin != nil }
    if config["add_eos_token"]?.boolean == true { special.addsEnd = special.end != nil }
    let named = config["chat_template"]?.array?.first { $0["name"] == "default" }
    chatTemplate = config["chat_template"]?.string ?? named?["template"]?.string
  }

  /// A token named by its spelling, or by an object with that as `content`.
  private func token(_ value: JSONValue?) -> Int32? {
    guard let spelling = value?.string ?? value?["content"]?.string else { return nil }
    return pieces.firstIndex(of: spelling).map { Int32($0) }
  }
}
