/// Token ids with a role, and when they are put around text.
public struct SpecialTokens: Sendable, Hashable {
  /// Begins a text.
  public var begin: Int32?
  /// Ends a text.
  public var end: Int32?
  /// Stands for what no piece covers.
  public var unknown: Int32?
  /// Fills batches.
  public var padding: Int32?
  /// Tokens after which a model has finished its answer, besides `end`.
  public var endOfGeneration: Set<Int32> = []
  /// Whether `encode` puts `begin` in front.
  public var addsBegin = false
  /// Whether `encode` puts `end` behind.
  public var addsEnd = false

  /// Makes an empty list of roles.
  public init() {}

  /// Whether a model that produced this token has finished its answer.
  public func endsGeneration(_ id: Int32) -> Bool {
    id == end || endOfGeneration.contains(id)
  }
}

extension Vocabulary {
  /// Control tokens with which published chat models end a turn.
  ///
  /// Files name one end token, but chat models stop with the end of a turn, the end of a message or the end of text.
  static func usualEndings(pieces: [String], kinds: [PieceKind]) -> Set<Int32> {
    let spellings: Set<String> = [
      "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|end_of_text|>", "<|return|>",
      "<|call|>", "<end_of_turn>", "<|END_OF_TURN_TOKEN|>", "<|EOT|>", "</s>", "<eos>", "<|end▁of▁sentence|>",
      "<｜end▁of▁sentence｜>",
    ]
    var ids: Set<Int32> = []
    for (id, kind) in kinds.enumerated() where kind == .control || kind == .userDefined {
      if spellings.contains(pieces[id]) { ids.insert(Int32(id)) }
    }
    return ids
  }

  /// Checks that every role names a token of this vocabulary.
  func checkSpecialTokens() throws(TextError) {
    let roles: [(String, Int32?)] = [
      ("begin", special.begin), ("end", special.end), ("unknown", special.unknown), ("padding", special.padding),
    ]
    for (role, id) in roles {
      guard let id, !(0..<count).contains(Int(id)) else { continue }
      throw .tokenOutOfRange(role: role, id: Int(id), count: count)
    }
    for id in special.endOfGeneration where !(0..<count).contains(Int(id)) {
      throw .tokenOutOfRange(role: "end-of-generation", id: Int(id), count: count)
    }
  }
}
