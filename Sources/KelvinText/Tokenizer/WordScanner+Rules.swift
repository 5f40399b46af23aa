extension WordScanner {
  /// The end of a word at the start of a piece by GPT-2's rule.
  ///
  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  ///
  /// It is a run of letters, of numbers or of signs with at most one space in front; contractions stand alone.
  func endOfGPT2Word(in piece: Range<Int>) -> Int {
    let (start, limit) = (piece.lowerBound, piece.upperBound)
    if let end = endOfContraction(in: piece, anyCase: false) { return end }
    let body = scalars[start] == " " ? start + 1 : start
    if body < limit, !classes[body].isWhiteSpace {
      return run(from: body, limit: limit, of: ScalarClass.sign.contains(classes[body]) ? .sign : classes[body])
    }
    return endOfWhiteSpace(in: piece)
  }

  /// The end of a word at the start of a piece by the rule of Llama 3 and Qwen 2, whose numbers have at most n digits.
  ///
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  ///
  /// Letters may have any one sign or space in front, numbers come in groups of at most n, signs take the line breaks
  /// behind them along, and white space up to its last line break is a word.
  func endOfModernWord(in piece: Range<Int>, longestNumber: Int) -> Int {
    let (start, limit) = (piece.lowerBound, piece.upperBound)
    if let end = endOfContraction(in: piece, anyCase: true) { return end }
    let lead = classes[start]
    if lead == .letter { return run(from: start, limit: limit, of: .letter) }
    if lead != .number, lead != .lineBreak, start + 1 < limit, classes[start + 1] == .letter {
      return run(from: start + 1, limit: limit, of: .letter)
    }
    if lead == .number {
      return run(from: start, limit: min(limit, start + longestNumber), of: .number)
    }
    return endOfSigns(.sign, in: piece) ?? endOfLines(in: piece)
  }

  /// The first word in a piece by the rule of DeepSeek-V3; numbers and control characters alone are none.
  ///
  /// `[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  /// where the first bracket is all signs of ASCII.
  ///
  /// A sign of ASCII may lead letters of ASCII, a space or what is no sign any letters; marks count as letters.
  func firstDeepSeekWord(in piece: Range<Int>) -> Range<Int>? {
    for start in piece {
      if let end = endOfDeepSeekWord(in: start..<piece.upperBound) { return start..<end }
    }
    return nil
  }

  private func endOfDeepSeekWord(in piece: Range<Int>) -> Int? {
    let (start, limit) = (piece.lowerBound, piece.upperBound)
    let lead = classes[start]
    let (letters, signs): (ScalarClass, ScalarClass) = ([.letter, .mark], [.punctuation, .symbol])
    if scalars[start].isASCII, signs.contains(lead), start + 1 < limit, isASCIILetter(start + 1) {
      var end = start + 2
      while end < limit, isASCIILetter(end) { end += 1 }
      return end
    }
    if letters.contains(lead) { return run(from: start, limit: limit, of: letters) }
    if lead != .lineBreak, !signs.contains(lead), start + 1 < limit, letters.contains(classes[start + 1]) {
      return run(from: start + 1, limit: limit, of: letters)
    }
    return endOfSigns(signs, in: piece) ?? (lead.isWhiteSpace ? endOfLines(in: piece) : nil)
  }

  private func isASCIILetter(_ index: Int) -> Bool { scalars[index].isASCII && classes[index] == .letter }

  // MARK: Parts of rules

  /// The end of the run of scalars from `start` that are of some classes.
  private func run(from start: Int, limit: Int, of set: ScalarClass) -> Int {
    var end = start
    while end < limit, set.contains(classes[end]) { end += 1 }
    return end
  }

  /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d` at the start of a piece, or `nil`.
  ///
  /// Without regard to case, U+017F (long s) is an s too: Unicode folds it so.
  private func endOfContraction(in piece: Range<Int>, anyCase: Bool) -> Int? {
    let (start, limit) = (piece.lowerBound, piece.upperBound)
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

  /// The end of ` ?[signs]+[\r\n]*`, or `nil` where no sign is.
  private func endOfSigns(_ signs: ScalarClass, in piece: Range<Int>) -> Int? {
    let (start, limit) = (piece.lowerBound, piece.upperBound)
    let body = scalars[start] == " " ? start + 1 : start
    guard body < limit, signs.contains(classes[body]) else { return nil }
    return run(from: run(from: body, limit: limit, of: signs), limit: limit, of: .lineBreak)
  }

  /// The end of `\s*[\r\n]+|\s+(?!\S)|\s+`: white space up to its last line break is a word.
  private func endOfLines(in piece: Range<Int>) -> Int {
    let end = run(from: piece.lowerBound, limit: piece.upperBound, of: .whiteSpace)
    if let last = classes[piece.lowerBound..<end].lastIndex(of: .lineBreak) { return last + 1 }
    return endOfWhiteSpace(in: piece)
  }

  /// The end of `\s+(?!\S)|\s+`: a run of white space gives its last scalar to the word that follows, unless it is
  /// alone or nothing follows.
  private func endOfWhiteSpace(in piece: Range<Int>) -> Int {
    let end = run(from: piece.lowerBound, limit: piece.upperBound, of: .whiteSpace)
    return end < piece.upperBound && end > piece.lowerBound + 1 ? end - 1 : end
  }
}
