/// What a pre-tokenizer needs to know of a scalar.
enum ScalarClass: UInt8 {
  /// `\p{L}`
  case letter
  /// `\p{N}`
  case number
  /// Carriage return or line feed.
  case lineBreak
  /// White space other than a line break, `\s` without `[\r\n]`.
  case space
  /// Everything else: punctuation, symbols, marks, control characters.
  case sign

  private static let ascii: [ScalarClass] = (0..<128).map { ScalarClass(slow: Unicode.Scalar(UInt8($0))) }

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
      case .decimalNumber, .letterNumber, .otherNumber: self = .number
      default: self = .sign
      }
    }
  }

  var isWhiteSpace: Bool { self == .space || self == .lineBreak }
}

/// Cuts text into words as the regular expression of a pre-tokenizer does, without a regular-expression engine.
///
/// The expressions need one scalar of look-ahead, so each alternative is a few comparisons over a table of classes.
/// All rules work on scalar indices; `words` translates them to bytes.
package struct WordScanner {
  let scalars: [Unicode.Scalar]
  let classes: [ScalarClass]

  package init(_ text: ArraySlice<UInt8>) {
    scalars = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
    classes = scalars.map { ScalarClass($0) }
  }

  /// The lengths in bytes of the words of the text, in order; together they cover it.
  package func words(_ rule: PreTokenizer) -> [Int] {
    var lengths: [Int] = []
    var position = 0
    while position < scalars.count {
      let end = max(position + 1, endOfWord(rule, from: position))
      var length = 0
      for scalar in scalars[position..<end] { length += UTF8.width(scalar) }
      lengths.append(length)
      position = end
    }
    return lengths
  }

  private func endOfWord(_ rule: PreTokenizer, from start: Int) -> Int {
    switch rule {
    case .gpt2: endOfGPT2Word(from: start, limit: scalars.count)
    case .smollm: endOfSmolLMWord(from: start)
    case .llamaBPE: endOfModernWord(from: start, longestNumber: 3)
    case .qwen2: endOfModernWord(from: start, longestNumber: 1)
    }
  }

  /// The end of the run of scalars from `start` whose class passes.
  func run(from start: Int, limit: Int, while passes: (ScalarClass) -> Bool) -> Int {
    var end = start
    while end < limit, passes(classes[end]) { end += 1 }
    return end
  }

  /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d` at `start`, or `nil`.
  ///
  /// Without regard to case, U+017F (long s) is an s too: Unicode folds it so.
  func endOfContraction(from start: Int, limit: Int, anyCase: Bool) -> Int? {
    guard scalars[start] == "'", start + 1 < limit else { return nil }
    let first = folded(start + 1, anyCase)
    if first == "s" || first == "t" || first == "m" || first == "d" { return start + 2 }
    guard start + 2 < limit else { return nil }
    let second = folded(start + 2, anyCase)
    let isPair = (first == "r" && second == "e") || (first == "v" && second == "e") || (first == "l" && second == "l")
    return isPair ? start + 3 : nil
  }

  private func folded(_ index: Int, _ anyCase: Bool) -> Unicode.Scalar {
    let scalar = scalars[index]
    guard anyCase else { return scalar }
    if ("A"..."Z").contains(scalar) { return Unicode.Scalar(UInt8(scalar.value + 32)) }
    return scalar == "\u{17F}" ? "s" : scalar
  }

  /// The end of `\s+(?!\S)|\s+`: a run of white space gives its last scalar to the word that follows, unless it is
  /// alone or nothing follows.
  func endOfWhiteSpace(from start: Int, limit: Int) -> Int {
    let end = run(from: start, limit: limit) { $0.isWhiteSpace }
    return end < limit && end > start + 1 ? end - 1 : end
  }
}
