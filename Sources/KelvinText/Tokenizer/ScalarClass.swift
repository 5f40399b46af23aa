/// What a pre-tokenizer needs to know of a scalar, and sets of that: a scalar is of exactly one class.
struct ScalarClass: OptionSet, Hashable, Sendable {
  let rawValue: UInt8

  /// Letters, `\p{L}`.
  static let letter = Self(rawValue: 1)
  /// Marks, `\p{M}`.
  static let mark = Self(rawValue: 2)
  /// Numbers, `\p{N}`.
  static let number = Self(rawValue: 4)
  /// Punctuation, `\p{P}`.
  static let punctuation = Self(rawValue: 8)
  /// Symbols, `\p{S}`.
  static let symbol = Self(rawValue: 16)
  /// Carriage return or line feed.
  static let lineBreak = Self(rawValue: 32)
  /// White space other than a line break, `\s` without `[\r\n]`.
  static let space = Self(rawValue: 64)
  /// Everything else: control and format characters, what is not assigned.
  static let other = Self(rawValue: 128)

  /// White space, `\s`.
  static let whiteSpace: Self = [.lineBreak, .space]
  /// What is neither white space nor letter nor number, `[^\s\p{L}\p{N}]`.
  static let sign: Self = [.mark, .punctuation, .symbol, .other]

  private static let ascii: [ScalarClass] = (0..<128).map { ScalarClass(slow: Unicode.Scalar(UInt8($0))) }

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(_ scalar: Unicode.Scalar) {
    self = scalar.value < 128 ? Self.ascii[Int(scalar.value)] : ScalarClass(slow: scalar)
  }

  private init(slow scalar: Unicode.Scalar) {
    if scalar == "\r" || scalar == "\n" {
      self = .lineBreak
    } else if scalar.properties.isWhitespace {
      self = .space
    } else {
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
      case .nonspacingMark, .spacingMark, .enclosingMark: self = .mark
      case .decimalNumber, .letterNumber, .otherNumber: self = .number
      case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
        .finalPunctuation, .otherPunctuation:
        self = .punctuation
      case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: self = .symbol
      default: self = .other
      }
    }
  }

  var isWhiteSpace: Bool { !isDisjoint(with: .whiteSpace) }
}
