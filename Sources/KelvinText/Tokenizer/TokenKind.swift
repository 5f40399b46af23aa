/// What a token is to a cache policy.
public enum TokenKind: UInt8, Sendable, Hashable {
  /// Anything else.
  case ordinary
  /// A control token.
  case special
  /// Punctuation, white space around it aside.
  case punctuation
  /// White space with a line break.
  case newline

  /// The kind of a token from what its piece is for and the bytes it writes.
  ///
  /// Punctuation: without leading and trailing white space the bytes are valid UTF-8, not empty, and every scalar is
  /// one of the 32 ASCII punctuation marks or of a Unicode category P*.
  init(_ kind: PieceKind, bytes: ArraySlice<UInt8>) {
    guard kind != .control else {
      self = .special
      return
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      self = .ordinary
      return
    }
    let scalars = Array(text.unicodeScalars)
    let marks = scalars.drop { $0.properties.isWhitespace }
    guard let last = marks.lastIndex(where: { !$0.properties.isWhitespace }) else {
      self = scalars.contains { $0 == "\n" || $0 == "\r" } ? .newline : .ordinary
      return
    }
    self = marks[...last].allSatisfy(Self.isPunctuation) ? .punctuation : .ordinary
  }

  private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.value < 128 {
      return (0x21...0x2F).contains(scalar.value) || (0x3A...0x40).contains(scalar.value)
        || (0x5B...0x60).contains(scalar.value) || (0x7B...0x7E).contains(scalar.value)
    }
    return switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      true
    default: false
    }
  }
}
