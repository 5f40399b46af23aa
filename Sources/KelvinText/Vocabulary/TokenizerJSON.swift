/// Reads Hugging Face's `tokenizer.json`.
///
/// Understood are BPE models of two makes: byte-level ones with a known pre-tokenizer, and SentencePiece-like ones with
/// byte fallback. Whatever else a file asks for is refused by name rather than ignored, since ignoring it would give
/// other tokens than the model was trained on.
package struct TokenizerJSON {
  static let format = "tokenizer.json"

  let root: JSONValue
  let model: JSONValue

  package init(_ bytes: [UInt8]) throws(TextError) {
    root = try JSONValue(parsing: bytes, format: Self.format)
    guard let model = root["model"], model.members != nil else { throw Self.field("model", "an object") }
    self.model = model
    let type = model["type"]?.string ?? "BPE"
    guard type == "BPE" else { throw .unsupportedModel(found: type, supported: ["BPE"]) }
  }

  static func field(_ path: String, _ expected: String) -> TextError {
    .malformedField(format: format, path: path, expected: expected)
  }

  static func unsupported(_ feature: String) -> TextError {
    .unsupportedFeature(format: format, feature: feature)
  }

  private var isSentencePiece: Bool { model["byte_fallback"]?.boolean ?? false }

  package func vocabulary() throws(TextError) -> Vocabulary {
    let added = try addedTokens()
    let pieces = try pieces(added)
    var vocabulary = try Vocabulary(
      model: isSentencePiece ? .sentencePiece : .byteLevelBPE(try preTokenizer()), pieces: pieces.spellings,
      kinds: try kinds(pieces.spellings, holes: pieces.holes, added), merges: try merges())
    vocabulary.prefersWholeWords = model["ignore_merges"]?.boolean ?? false
    for token in added {
      if token.stripsLeft { vocabulary.swallowsSpaceBefore.insert(Int32(token.id)) }
      if token.stripsRight { vocabulary.swallowsSpaceAfter.insert(Int32(token.id)) }
    }
    try applyNormalizer(root["normalizer"] ?? .null, to: &vocabulary)
    if isSentencePiece { try applyMetaspace(to: &vocabulary) }
    if let unknown = model["unk_token"]?.string, let id = pieces.spellings.firstIndex(of: unknown) {
      vocabulary.special.unknown = Int32(id)
    }
    applyPostProcessor(root["post_processor"] ?? .null, to: &vocabulary)
    return vocabulary
  }

  /// A token that stands beside the model's own pieces.
  struct AddedToken {
    var id: Int
    var content: String
    var isSpecial: Bool
    var stripsLeft: Bool
    var stripsRight: Bool
  }

  private func addedTokens() throws(TextError) -> [AddedToken] {
    var tokens: [AddedToken] = []
    for value in root["added_tokens"]?.array ?? [] {
      guard let id = value["id"]?.integer, let content = value["content"]?.string else {
        throw Self.field("added_tokens", "objects with 'id' and 'content'")
      }
      func flag(_ name: String) -> Bool { value[name]?.boolean ?? false }
      tokens.append(
        AddedToken(
          id: id, content: content, isSpecial: flag("special"), stripsLeft: flag("lstrip"), stripsRight: flag("rstrip"))
      )
    }
    return tokens
  }

  /// All spellings by id; ids that nobody has are holes, and more holes than pieces is a damaged file.
  private func pieces(_ added: [AddedToken]) throws(TextError) -> (spellings: [String], holes: Set<Int>) {
    guard let members = model["vocab"]?.members else { throw Self.field("model.vocab", "an object of pieces and ids") }
    let limit = 2 * (members.count + added.count)
    var byID: [Int: String] = [:]
    for member in members {
      guard let id = member.value.integer else { throw Self.field("model.vocab.\(member.name)", "an integer") }
      byID[id] = member.name
    }
    for token in added { byID[token.id] = token.content }
    guard let last = byID.keys.max(), let first = byID.keys.min() else { throw .emptyVocabulary }
    guard first >= 0, last < limit else {
      throw Self.field("model.vocab", "ids from 0 to \(limit - 1), found \(first < 0 ? first : last)")
    }
    let holes = Set((0...last).filter { byID[$0] == nil })
    return ((0...last).map { byID[$0] ?? "[unused \($0)]" }, holes)
  }

  private func kinds(
    _ pieces: [String], holes: Set<Int>, _ added: [AddedToken]
  ) throws(TextError) -> [PieceKind] {
    var kinds = pieces.map { piece in
      isSentencePiece && SentencePieceSpelling.byte(of: piece) != nil ? PieceKind.byte : .normal
    }
    for hole in holes { kinds[hole] = .unused }
    for token in added { kinds[token.id] = token.isSpecial ? .control : .userDefined }
    return kinds
  }

  /// Merges are strings, `"a b"`, or pairs, `["a", "b"]`.
  private func merges() throws(TextError) -> [String] {
    guard let values = model["merges"]?.array else { throw Self.field("model.merges", "an array") }
    var merges: [String] = []
    merges.reserveCapacity(values.count)
    for (index, value) in values.enumerated() {
      if let merge = value.string {
        merges.append(merge)
      } else if let pair = value.array, pair.count == 2, let first = pair[0].string, let second = pair[1].string {
        merges.append(first + " " + second)
      } else {
        throw Self.field("model.merges[\(index)]", "\"a b\" or [\"a\", \"b\"]")
      }
    }
    return merges
  }
}
