extension WordScanner {
  /// The end of a word by GPT-2's rule.
  ///
  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  ///
  /// It is a run of letters, of numbers or of signs with at most one space in front; contractions stand alone.
  func endOfGPT2Word(from start: Int, limit: Int) -> Int {
    if let end = endOfContraction(from: start, limit: limit, anyCase: false) { return end }
    let body = scalars[start] == " " ? start + 1 : start
    if body < limit, !classes[body].isWhiteSpace {
      let kind = classes[body]
      return run(from: body, limit: limit) { $0 == kind }
    }
    return endOfWhiteSpace(from: start, limit: limit)
  }

  /// First `\p{N}` alone, then GPT-2's rule on what lies between.
  ///
  /// The text between two numbers is a text of its own: white space before a number keeps its last scalar.
  func endOfSmolLMWord(from start: Int) -> Int {
    if classes[start] == .number { return start + 1 }
    // A word of GPT-2's rule never crosses a number unless it is white space, so looking for the next one can stop
    // at the end of the white space.
    let spaces = run(from: start, limit: scalars.count) { $0.isWhiteSpace }
    if spaces < scalars.count, classes[spaces] == .number, spaces > start { return spaces }
    return endOfGPT2Word(from: start, limit: scalars.count)
  }

  /// The end of a word by the rule of Llama 3 and Qwen 2, whose numbers have at most n digits.
  ///
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  ///
  /// Letters may have any one sign or space in front, numbers come in groups of at most n, signs take the line breaks
  /// behind them along, and white space up to its last line break is a word.
  func endOfModernWord(from start: Int, longestNumber: Int) -> Int {
    let limit = scalars.count
    if let end = endOfContraction(from: start, limit: limit, anyCase: true) { return end }
    let lead = classes[start]
    if lead == .letter { return run(from: start, limit: limit) { $0 == .letter } }
    if lead != .number, lead != .lineBreak, start + 1 < limit, classes[start + 1] == .letter {
      return run(from: start + 1, limit: limit) { $0 == .letter }
    }
    if lead == .number {
      return run(from: start, limit: min(limit, start + longestNumber)) { $0 == .number }
    }
    let body = scalars[start] == " " ? start + 1 : start
    if body < limit, classes[body] == .sign {
      let end = run(from: body, limit: limit) { $0 == .sign }
      return run(from: end, limit: limit) { $0 == .lineBreak }
    }
    let spaces = run(from: start, limit: limit) { $0.isWhiteSpace }
    if let last = classes[start..<spaces].lastIndex(of: .lineBreak) { return last + 1 }
    return endOfWhiteSpace(from: start, limit: limit)
  }
}
