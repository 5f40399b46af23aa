/// Turns text into tokens and back.
///
/// Everything that can be wrong with a vocabulary is found when the tokenizer is made; after that, encoding any text
/// and decoding any ids succeeds. Values are immutable and may be shared between threads.
public struct Tokenizer: Sendable {
  /// The pieces and rules.
  public let vocabulary: Vocabulary
  /// `[V]` What each token is to a cache policy.
  public let kinds: [TokenKind]

  let index: PieceIndex
  let table: MergeTable
  /// `[256]` The token of each raw byte, or -1 where there is none.
  let byteIDs: [Int32]
  let specialTokens: SpecialTokenFinder
  let userTokens: SpecialTokenFinder
  /// The bytes of all pieces, one after another.
  private let allBytes: [UInt8]
  /// `[V + 1]` Where the bytes of each piece start.
  private let starts: [Int]

  /// Builds the tables for a vocabulary.
  ///
  /// Cost: a few hundred milliseconds for 100 000 merges. Errors: `tokenOutOfRange`, `scoreNotANumber`,
  /// `malformedMerge`, `mergeOfUnknownPiece`, `malformedBytePiece`.
  public init(_ vocabulary: Vocabulary) throws(TextError) {
    try vocabulary.checkSpecialTokens()
    self.vocabulary = vocabulary
    let pieceKinds = vocabulary.kinds
    index = PieceIndex(vocabulary.pieces)
    table = try Self.table(vocabulary, index)
    byteIDs = try Self.byteIDs(vocabulary, index)
    specialTokens = SpecialTokenFinder(vocabulary, kinds: [.control, .userDefined, .unknown])
    userTokens = SpecialTokenFinder(vocabulary, kinds: [.userDefined])

    var (bytes, starts, kinds) = ([UInt8](), [0], [TokenKind]())
    for (id, piece) in vocabulary.pieces.enumerated() {
      bytes += Self.bytes(of: piece, pieceKinds[id], vocabulary.model)
      kinds.append(TokenKind(pieceKinds[id], bytes: bytes[starts[id]...]))
      starts.append(bytes.count)
    }
    (allBytes, self.starts, self.kinds) = (bytes, starts, kinds)
  }

  private static func table(_ vocabulary: Vocabulary, _ index: PieceIndex) throws(TextError) -> MergeTable {
    guard vocabulary.model == .sentencePiece, vocabulary.merges.isEmpty else {
      return try MergeTable(merges: vocabulary.merges, index: index)
    }
    if let token = vocabulary.scores.firstIndex(where: \.isNaN) { throw .scoreNotANumber(token: token) }
    // Typed text must not merge into control tokens or into the spelling of a byte.
    let text = PieceIndex(vocabulary.pieces) { vocabulary.kinds[$0] == .normal || vocabulary.kinds[$0] == .userDefined }
    return .scored(text, vocabulary.scores)
  }

  private static func byteIDs(_ vocabulary: Vocabulary, _ index: PieceIndex) throws(TextError) -> [Int32] {
    guard vocabulary.model == .sentencePiece else {
      return ByteAlphabet.spellings.map { index[$0[...]] ?? -1 }
    }
    var ids = [Int32](repeating: -1, count: 256)
    for (id, kind) in vocabulary.kinds.enumerated() where kind == .byte {
      guard let byte = SentencePieceSpelling.byte(of: vocabulary.pieces[id]) else {
        throw .malformedBytePiece(token: id, piece: vocabulary.pieces[id])
      }
      ids[Int(byte)] = Int32(id)
    }
    return ids
  }

  private static func bytes(of piece: String, _ kind: PieceKind, _ model: Vocabulary.Model) -> [UInt8] {
    switch kind {
    case .control, .userDefined, .unknown: return Array(piece.utf8)
    case .byte: return SentencePieceSpelling.byte(of: piece).map { [$0] } ?? Array(piece.utf8)
    case .normal, .unused:
      return model == .sentencePiece ? SentencePieceSpelling.bytes(of: piece) : ByteAlphabet.bytes(of: piece)
    }
  }

  /// The number of tokens.
  public var count: Int { vocabulary.count }

  /// The bytes that a token writes; none for an id outside the vocabulary.
  public func bytes(of id: Int32) -> ArraySlice<UInt8> {
    guard (0..<count).contains(Int(id)) else { return [] }
    return allBytes[starts[Int(id)]..<starts[Int(id) + 1]]
  }

  /// The spelling of a token, or `nil` outside the vocabulary.
  public func piece(_ id: Int32) -> String? {
    (0..<count).contains(Int(id)) ? vocabulary.pieces[Int(id)] : nil
  }

  /// The token with this exact spelling.
  public func id(of piece: String) -> Int32? { index[piece] }

  /// Whether a token is of kind control, so that readers of a text do not want to see it.
  func isControl(_ id: Int32) -> Bool {
    (0..<count).contains(Int(id)) && (vocabulary.kinds[Int(id)] == .control || vocabulary.kinds[Int(id)] == .unknown)
  }
}
