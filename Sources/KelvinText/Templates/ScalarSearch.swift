/// Searches in text by Unicode scalars, as Python does.
///
/// Swift's own searches go by characters and canonical equivalence: they would not find the line feed in `\r\n`.
enum ScalarSearch {
  typealias Scalars = [Unicode.Scalar]

  /// The first place of a part at or after `start`, found in linear time (Knuth, Morris and Pratt 1977).
  static func first(_ part: Scalars, in text: Scalars, from start: Int) -> Int? {
    guard !part.isEmpty else { return start <= text.count ? start : nil }
    let borders = borders(of: part)
    var matched = 0
    for index in start..<max(start, text.count) {
      while matched > 0, text[index] != part[matched] { matched = borders[matched - 1] }
      if text[index] == part[matched] { matched += 1 }
      if matched == part.count { return index + 1 - part.count }
    }
    return nil
  }

  /// For each prefix the length of its longest border: a proper prefix that is a suffix too.
  private static func borders(of part: Scalars) -> [Int] {
    var borders = [Int](repeating: 0, count: part.count)
    var matched = 0
    for index in part.indices.dropFirst() {
      while matched > 0, part[index] != part[matched] { matched = borders[matched - 1] }
      if part[index] == part[matched] { matched += 1 }
      borders[index] = matched
    }
    return borders
  }

  /// The stretches between occurrences of a separator, at most `limit` cuts.
  static func split(_ text: Scalars, by separator: Scalars, limit: Int) -> [Scalars] {
    var (parts, start) = ([Scalars](), 0)
    while parts.count < limit, let place = first(separator, in: text, from: start) {
      parts.append(Array(text[start..<place]))
      start = place + separator.count
    }
    return parts + [Array(text[start...])]
  }

  /// The words between runs of white space; after `limit` cuts the rest is one word.
  static func words(_ text: Scalars, limit: Int) -> [Scalars] {
    var (words, start) = ([Scalars](), 0)
    while true {
      while start < text.count, isSpace(text[start]) { start += 1 }
      guard start < text.count else { return words }
      guard words.count < limit else { return words + [trimmed(Array(text[start...]), of: nil, start: false)] }
      let end = text[start...].firstIndex(where: isSpace) ?? text.count
      words.append(Array(text[start..<end]))
      start = end
    }
  }

  /// The lines, without their ends.
  static func lines(_ text: Scalars) -> [Scalars] {
    var (lines, line, previous) = ([Scalars](), Scalars(), Unicode.Scalar(0x20 as UInt8))
    for scalar in text {
      if scalar == "\n", previous == "\r" {
        previous = scalar
        continue
      }
      previous = scalar
      if ["\n", "\r", "\u{B}", "\u{C}", "\u{1C}", "\u{1D}", "\u{1E}", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalar)
      {
        lines.append(line)
        line = []
      } else {
        line.append(scalar)
      }
    }
    return line.isEmpty ? lines : lines + [line]
  }

  /// Text without the scalars of a set, or white space, at its ends.
  static func trimmed(_ text: Scalars, of set: Scalars?, start: Bool = true, end: Bool = true) -> Scalars {
    func goes(_ scalar: Unicode.Scalar) -> Bool { set.map { $0.contains(scalar) } ?? isSpace(scalar) }
    var rest = text[...]
    if start { rest = rest.drop(while: goes) }
    if end { while let last = rest.last, goes(last) { rest.removeLast() } }
    return Array(rest)
  }

  /// White space as Python's `strip` sees it: four separators more than Unicode's property has.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }
}
