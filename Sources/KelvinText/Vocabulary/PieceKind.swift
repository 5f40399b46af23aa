/// What a piece of a vocabulary is for; the numbers are those of GGUF's `tokenizer.ggml.token_type`.
public enum PieceKind: UInt8, Sendable, Hashable {
  /// A piece of ordinary text.
  case normal = 1
  /// Stands for text that no piece covers.
  case unknown = 2
  /// Steers the model and has no text of its own, such as the end of a turn.
  case control = 3
  /// Text that is always one token, wherever it stands.
  case userDefined = 4
  /// A hole in the vocabulary.
  case unused = 5
  /// One raw byte, spelled `<0x0A>`.
  case byte = 6
}
