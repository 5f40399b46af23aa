extension Vocabulary {
  /// The vocabulary as a Hugging Face `tokenizer.json`, which `init(tokenizerJSON:)` reads back to the same tokens.
  ///
  /// A SentencePiece vocabulary with scores becomes one with merges: every pair of pieces that joins to a piece, in the
  /// order of the scores. Errors: `unsupportedFeature` for what such a file cannot say.
  public func tokenizerJSON() throws(TextError) -> JSONValue {
    // By bytes: a vocabulary may have both spellings of `é`, which are equal as strings.
    var seen: Set<[UInt8]> = []
    for piece in pieces where !seen.insert(Array(piece.utf8)).inserted {
      throw TokenizerJSON.unsupported("two tokens that are both spelled '\(piece.prefix(80))'")
    }
    let added = kinds.enumerated().filter { _, kind in [.control, .userDefined, .unknown].contains(kind) }
    return [
      "version": "1.0", "truncation": nil, "padding": nil,
      "added_tokens": .array(added.map { id, kind in addedToken(id, isSpecial: kind != .userDefined) }),
      "normalizer": try normalizer(),
      "pre_tokenizer": preTokenizer,
      "post_processor": postProcessor,
      "decoder": decoder,
      "model": modelMembers,
    ]
  }

  /// The `tokenizer_config.json` that goes with it: roles of tokens, and the chat template.
  public func tokenizerConfiguration() -> JSONValue {
    var members: [JSONValue.Member] = []
    let roles = [
      ("bos_token", special.begin), ("eos_token", special.end), ("unk_token", special.unknown),
      ("pad_token", special.padding),
    ]
    for (name, id) in roles {
      guard let id, pieces.indices.contains(Int(id)) else { continue }
      members.append(.init(name, .string(pieces[Int(id)])))
    }
    members += [
      .init("add_bos_token", .boolean(special.addsBegin)), .init("add_eos_token", .boolean(special.addsEnd)),
      .init("clean_up_tokenization_spaces", false), .init("tokenizer_class", "PreTrainedTokenizerFast"),
    ]
    if let chatTemplate { members.append(.init("chat_template", .string(chatTemplate))) }
    return .object(members)
  }

  // MARK: Parts

  private func addedToken(_ id: Int, isSpecial: Bool) -> JSONValue {
    [
      "id": .integer(id), "content": .string(pieces[id]), "single_word": false,
      "lstrip": .boolean(swallowsSpaceBefore.contains(Int32(id))),
      "rstrip": .boolean(swallowsSpaceAfter.contains(Int32(id))), "normalized": false,
      "special": .boolean(isSpecial),
    ]
  }

  private var modelMembers: JSONValue {
    let isSentencePiece = model == .sentencePiece
    let vocabulary = pieces.enumerated().map { JSONValue.Member($1, .integer($0)) }
    let unknown = special.unknown.map { JSONValue.string(pieces[Int($0)]) } ?? .null
    let pairs = isSentencePiece && merges.isEmpty ? mergesByScore : merges
    return [
      "type": "BPE", "dropout": nil, "unk_token": isSentencePiece ? unknown : nil,
      "continuing_subword_prefix": nil, "end_of_word_suffix": nil, "fuse_unk": .boolean(isSentencePiece),
      "byte_fallback": .boolean(isSentencePiece), "ignore_merges": .boolean(prefersWholeWords),
      "vocab": .object(vocabulary), "merges": .array(pairs.map { .string($0) }),
    ]
  }

  /// Every pair of pieces that joins to a piece of text, the one with the highest score first.
  private var mergesByScore: [String] {
    // Spaces are `▁` before anything merges; GGUF spells them out in pieces that are found before that.
    let isText = zip(pieces, kinds).map { piece, kind in
      (kind == .normal || kind == .userDefined) && !piece.utf8.contains(0x20)
    }
    let ids = PieceIndex(pieces) { isText[$0] }
    var found: [(score: Float, left: Int32, right: Int32)] = []
    for (id, piece) in pieces.enumerated() where isText[id] {
      let scalars = piece.unicodeScalars
      for cut in scalars.indices.dropFirst() {
        guard let left = ids[String(scalars[..<cut])], let right = ids[String(scalars[cut...])] else { continue }
        found.append((scores[id], left, right))
      }
    }
    found.sort { ($1.score, $0.left, $0.right) < ($0.score, $1.left, $1.right) }
    return found.map { pieces[Int($0.left)] + " " + pieces[Int($0.right)] }
  }

  private func normalizer() throws(TextError) -> JSONValue {
    guard model == .sentencePiece else { return composesCharacters ? ["type": "NFC"] : nil }
    let replace: JSONValue = ["type": "Replace", "pattern": ["String": " "], "content": "▁"]
    switch spacePrefix {
    case .never: return replace
    case .everySegment where !keepsLeadingSpace:
      return ["type": "Sequence", "normalizers": [["type": "Prepend", "prepend": "▁"], replace]]
    case .first, .everySegment: throw TokenizerJSON.unsupported("a space that is put in front of some texts only")
    }
  }

  private var preTokenizer: JSONValue {
    guard case .byteLevelBPE(let rule) = model else { return nil }
    var steps = rule.steps
    // GPT-2's words are the last step's own.
    let usesPattern = steps.last == .gpt2
    if usesPattern { steps.removeLast() }
    let byteLevel: JSONValue = [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": .boolean(usesPattern),
    ]
    guard !steps.isEmpty else { return byteLevel }
    return ["type": "Sequence", "pretokenizers": .array(steps.map(TokenizerJSON.step) + [byteLevel])]
  }

  /// Which tokens go around a text.
  private var postProcessor: JSONValue {
    let begin = special.addsBegin ? special.begin : nil
    let end = special.addsEnd ? special.end : nil
    guard begin != nil || end != nil else {
      return model == .sentencePiece ? nil : ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true]
    }
    func token(_ id: Int32, of sequence: Int) -> JSONValue {
      ["SpecialToken": ["id": .string(pieces[Int(id)]), "type_id": .integer(sequence)]]
    }
    func template(_ name: String, _ sequence: Int) -> [JSONValue] {
      let text: JSONValue = ["Sequence": ["id": .string(name), "type_id": .integer(sequence)]]
      return (begin.map { [token($0, of: sequence)] } ?? []) + [text] + (end.map { [token($0, of: sequence)] } ?? [])
    }
    let used = Set([begin, end].compactMap { $0 }).sorted().map { id in
      let name = pieces[Int(id)]
      return JSONValue.Member(
        name, ["id": .string(name), "ids": [.integer(Int(id))], "tokens": [.string(name)]])
    }
    return [
      "type": "TemplateProcessing", "single": .array(template("A", 0)),
      "pair": .array(template("A", 0) + template("B", 1)), "special_tokens": .object(used),
    ]
  }

  private var decoder: JSONValue {
    guard model == .sentencePiece else {
      return ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true]
    }
    let replace: JSONValue = ["type": "Replace", "pattern": ["String": "▁"], "content": " "]
    let strip: JSONValue = ["type": "Strip", "content": " ", "start": 1, "stop": 0]
    let steps: [JSONValue] = [replace, ["type": "ByteFallback"], ["type": "Fuse"]]
    return ["type": "Sequence", "decoders": .array(spacePrefix == .never ? steps : steps + [strip])]
  }
}
