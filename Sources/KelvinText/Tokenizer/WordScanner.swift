/// Cuts text into words as the regular expressions of a pre-tokenizer do, without a regular-expression engine.
///
/// The expressions need one scalar of look-ahead, so each alternative is a few comparisons over a table of classes.
/// All steps work on scalar indices; `words` translates them to bytes.
package struct WordScanner {
  let scalars: [Unicode.Scalar]
  let classes: [ScalarClass]

  package init(_ text: ArraySlice<UInt8>) {
    scalars = Array(String(decoding: text, as: UTF8.self).unicodeScalars)
    classes = scalars.map { ScalarClass($0) }
  }

  /// The lengths in bytes of the words of the text, in order; together they cover it.
  package func words(_ rule: PreTokenizer) -> [Int] {
    var ends = scalars.isEmpty ? [] : [scalars.count]
    for step in rule.steps { ends = cut(ends, by: step) }
    var position = 0
    return ends.map { end in
      var length = 0
      for scalar in scalars[position..<end] { length += UTF8.width(scalar) }
      position = end
      return length
    }
  }

  /// The ends of the pieces that a step makes of pieces.
  private func cut(_ ends: [Int], by step: WordStep) -> [Int] {
    switch step {
    case .lineBreak:
      cut(ends) { firstRun(in: $0, longest: 1) { classes[$0] == .lineBreak } }
    case .number(let longest):
      cut(ends) { firstRun(in: $0, longest: longest) { classes[$0] == .number } }
    case .run(let listed, let takesSpace):
      cut(ends) { firstRun(in: $0, takesSpace: takesSpace) { listed.contains(scalars[$0]) } }
    case .letters:
      cut(ends) { firstRun(in: $0, takesSpace: true) { classes[$0] == .letter } }
    case .punctuation:
      cut(ends) { firstRun(in: $0, takesSpace: true) { classes[$0] == .punctuation } }
    case .lastSpace:
      cut(ends, at: lastSpace)
    case .gpt2:
      cut(ends) { $0.lowerBound..<endOfGPT2Word(in: $0) }
    case .modern(let longest):
      cut(ends) { $0.lowerBound..<endOfModernWord(in: $0, longestNumber: longest) }
    case .deepSeekV3:
      cut(ends, at: firstDeepSeekWord)
    }
  }

  /// Cuts before and behind each match; the first one in a piece is never empty.
  private func cut(_ ends: [Int], at firstMatch: (Range<Int>) -> Range<Int>?) -> [Int] {
    var cuts: [Int] = []
    cuts.reserveCapacity(ends.count)
    var position = 0
    for end in ends {
      while position < end, let match = firstMatch(position..<end) {
        if match.lowerBound > position { cuts.append(match.lowerBound) }
        cuts.append(match.upperBound)
        position = match.upperBound
      }
      if position < end { cuts.append(end) }
      position = end
    }
    return cuts
  }

  /// The first run of scalars that pass, with at most one white space in front where it takes that along.
  private func firstRun(
    in piece: Range<Int>, takesSpace: Bool = false, longest: Int = .max, where passes: (Int) -> Bool
  ) -> Range<Int>? {
    guard let first = piece.first(where: passes) else { return nil }
    let limit = piece.upperBound - first > longest ? first + longest : piece.upperBound
    var end = first + 1
    while end < limit, passes(end) { end += 1 }
    let hasSpace = takesSpace && first > piece.lowerBound && classes[first - 1].isWhiteSpace
    return (hasSpace ? first - 1 : first)..<end
  }

  private func lastSpace(in piece: Range<Int>) -> Range<Int>? {
    let end = piece.upperBound
    var start = end
    while start > piece.lowerBound, classes[start - 1].isWhiteSpace { start -= 1 }
    return start < end ? start..<end : nil
  }
}
