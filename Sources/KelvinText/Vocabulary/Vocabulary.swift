/// The pieces of a tokenizer and the rules that turn text into them: plain data, whatever file it came from.
///
/// Pieces keep the file's own spelling: a byte-level vocabulary writes a space as `Ġ`, a SentencePiece one as `▁`.
public struct Vocabulary: Sendable, Hashable {
  /// How pieces become tokens.
  public enum Model: Sendable, Hashable {
    /// Merges over bytes inside words, as GPT-2.
    case byteLevelBPE(PreTokenizer)
    /// Merges over characters of the whole text with a fallback to bytes, as Llama 2.
    case sentencePiece

    /// Names the model as GGUF's `tokenizer.ggml.model` and `tokenizer.ggml.pre` do.
    ///
    /// Errors: `unsupportedModel`, `unsupportedPreTokenizer`.
    public init(ggufModel: String, preTokenizer: String?) throws(TextError) {
      switch ggufModel {
      case "gpt2": self = .byteLevelBPE(try PreTokenizer(ggufName: preTokenizer ?? "gpt-2"))
      case "llama": self = .sentencePiece
      default: throw .unsupportedModel(found: ggufModel, supported: ["gpt2", "llama"])
      }
    }
  }

  /// Where a space is put in front of text, so that the first word looks like any other.
  public enum SpacePrefix: Sendable, Hashable {
    /// Nowhere.
    case never
    /// In front of the text.
    case first
    /// In front of the text and after every special token.
    case everySegment
  }

  /// How pieces become tokens.
  public let model: Model
  /// The spelling of each token.
  public let pieces: [String]
  /// The score of each token, higher merges first; empty when `merges` decide.
  public let scores: [Float]
  /// What each token is for.
  public let kinds: [PieceKind]
  /// Pairs of pieces, `"a b"`, the first merges first; empty when `scores` decide.
  public let merges: [String]

  /// Token ids with a role.
  public var special = SpecialTokens()
  /// Whether a space goes in front of text.
  public var spacePrefix = SpacePrefix.never
  /// Whether text that begins with a space by itself gets no other one in front.
  public var keepsLeadingSpace = false
  /// Whether a word that is a piece as a whole is taken without merging.
  public var prefersWholeWords: Bool
  /// Whether text is brought to Unicode normal form C first.
  public var composesCharacters = false
  /// Special tokens that swallow the white space before them.
  public var swallowsSpaceBefore: Set<Int32> = []
  /// Special tokens that swallow the white space after them.
  public var swallowsSpaceAfter: Set<Int32> = []
  /// The template that writes conversations, in Jinja.
  public var chatTemplate: String?

  /// Makes a vocabulary; end-of-generation tokens are recognised by their usual spellings.
  ///
  /// `kinds` may be empty: then every piece is normal. Errors: `emptyVocabulary`, `countMismatch`.
  public init(
    model: Model, pieces: [String], scores: [Float] = [], kinds: [PieceKind] = [], merges: [String] = []
  ) throws(TextError) {
    guard !pieces.isEmpty else { throw .emptyVocabulary }
    guard kinds.isEmpty || kinds.count == pieces.count else {
      throw .countMismatch(list: "kinds", found: kinds.count, expected: pieces.count)
    }
    let needsScores = model == .sentencePiece && merges.isEmpty
    guard scores.count == pieces.count || (scores.isEmpty && !needsScores) else {
      throw .countMismatch(list: "scores", found: scores.count, expected: pieces.count)
    }
    self.model = model
    self.pieces = pieces
    self.scores = scores
    self.kinds = kinds.isEmpty ? Array(repeating: .normal, count: pieces.count) : kinds
    self.merges = merges
    prefersWholeWords = model == .byteLevelBPE(.llamaBPE)
    spacePrefix = model == .sentencePiece ? .everySegment : .never
    special.endOfGeneration = Self.usualEndings(pieces: pieces, kinds: self.kinds)
  }

  /// Reads the numbers of GGUF's `tokenizer.ggml.token_type`.
  ///
  /// Errors: `unknownPieceKind`.
  public static func kinds(ggufNumbers: [Int]) throws(TextError) -> [PieceKind] {
    var kinds: [PieceKind] = []
    kinds.reserveCapacity(ggufNumbers.count)
    for (token, number) in ggufNumbers.enumerated() {
      guard let raw = UInt8(exactly: number), let kind = PieceKind(rawValue: raw) else {
        throw .unknownPieceKind(number: number, token: token)
      }
      kinds.append(kind)
    }
    return kinds
  }

  /// The number of tokens.
  public var count: Int { pieces.count }
}
