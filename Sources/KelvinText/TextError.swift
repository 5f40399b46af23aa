/// What can be wrong with a vocabulary, a tokenizer file or a chat template.
public enum TextError: Error, Hashable {
  /// A vocabulary has no pieces.
  case emptyVocabulary
  /// A list that goes with the pieces has another length.
  case countMismatch(list: String, found: Int, expected: Int)
  /// A piece kind is not one of 1...6.
  case unknownPieceKind(number: Int, token: Int)
  /// A special token's id is outside the vocabulary.
  case tokenOutOfRange(role: String, id: Int, count: Int)
  /// A score is not a number, so that pieces cannot be ordered.
  case scoreNotANumber(token: Int)
  /// A merge is not two pieces separated by one space.
  case malformedMerge(index: Int, merge: String)
  /// A merge takes or makes a piece that the vocabulary lacks.
  case mergeOfUnknownPiece(index: Int, piece: String)
  /// A piece of kind byte is not spelled `<0x00>`...`<0xFF>`.
  case malformedBytePiece(token: Int, piece: String)
  /// A kind of tokenizer that is not read here.
  case unsupportedModel(found: String, supported: [String])
  /// A rule for splitting text into words that is not read here.
  case unsupportedPreTokenizer(found: String, supported: [String])
  /// A tokenizer file asks for a feature that is not read here.
  case unsupportedFeature(format: String, feature: String)
  /// The bytes of a file do not follow its format.
  case malformedFile(format: String, offset: Int, problem: String)
  /// A field of a file is missing or has the wrong type.
  case malformedField(format: String, path: String, expected: String)
  /// A chat template does not parse.
  case templateSyntax(line: Int, problem: String)
  /// A chat template did something impossible while it ran.
  case templateFailure(line: Int, problem: String)
  /// A chat template refused the conversation by itself.
  case templateRaised(message: String)
  /// A chat template wanted more of something than it may have.
  case templateLimit(line: Int, limited: TemplateLimit, allowed: Int)
}

/// What a chat template is rationed on.
public enum TemplateLimit: String, Sendable, Hashable {
  /// Units of work while rendering.
  case steps
  /// Bytes of one string or of the rendered prompt.
  case bytes
  /// Levels of expressions and blocks inside one another, and of macros that call macros.
  case nesting
  /// Members of one list.
  case members
}

extension TextError: CustomStringConvertible {
  /// One sentence: what, where, found, expected, what to do.
  public var description: String {
    switch self {
    case .emptyVocabulary:
      "vocabulary: it has no pieces; expected at least one"
    case .countMismatch(let list, let found, let expected):
      "vocabulary: \(list): \(found) entries, expected \(expected), one for each piece"
    case .unknownPieceKind(let number, let token):
      "vocabulary: token \(token): kind \(number), expected 1 (normal) to 6 (byte)"
    case .tokenOutOfRange(let role, let id, let count):
      "vocabulary: the \(role) token is \(id), expected 0 to \(count - 1)"
    case .scoreNotANumber(let token):
      "vocabulary: token \(token): the score is not a number, expected a finite one"
    case .malformedMerge(let index, let merge):
      "vocabulary: merge \(index) is '\(merge)', expected two pieces separated by a space"
    case .mergeOfUnknownPiece(let index, let piece):
      "vocabulary: merge \(index) needs the piece '\(piece)', which is not in the vocabulary"
    case .malformedBytePiece(let token, let piece):
      "vocabulary: token \(token) is of kind byte but spelled '\(piece)', expected '<0x00>' to '<0xFF>'"
    case .unsupportedModel(let found, let supported):
      "tokenizer: model '\(found)' is not supported; supported are \(supported.joined(separator: ", "))"
    case .unsupportedPreTokenizer(let found, let supported):
      "tokenizer: pre-tokenizer '\(found)' is not supported; supported are \(supported.joined(separator: ", "))"
    case .unsupportedFeature(let format, let feature):
      "\(format): \(feature) is not supported; convert the tokenizer to one without it"
    case .malformedFile(let format, let offset, let problem):
      "\(format): byte \(offset): \(problem)"
    case .malformedField(let format, let path, let expected):
      "\(format): '\(path)' is missing or of the wrong type, expected \(expected)"
    case .templateSyntax(let line, let problem):
      "chat template: line \(line): \(problem)"
    case .templateFailure(let line, let problem):
      "chat template: line \(line): while rendering: \(problem)"
    case .templateRaised(let message):
      "chat template: the template refused the conversation: \(message)"
    case .templateLimit(let line, let limited, let allowed):
      "chat template: line \(line): more than \(allowed) \(limited.rawValue); simplify the template"
    }
  }
}
