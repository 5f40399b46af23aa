import KelvinEngine
import TestSupport
import Testing

@Suite("A stop string ends the text and is never shown, not even half")
struct StopStringsTests {
  /// All that is shown, piece by piece; the last is "■" where a stop string was found, otherwise what was held back.
  private func shown(_ stops: [String], _ pieces: [String]) -> [String] {
    var strings = StopStrings(stops)
    var shown: [String] = []
    for piece in pieces {
      let (text, isStopped) = strings.push(piece)
      shown.append(text)
      if isStopped { return shown + ["■"] }
    }
    return shown + [strings.finish()]
  }

  @Test("without stop strings text passes at once")
  func none() {
    #expect(shown([], ["a", "b"]) == ["a", "b", ""])
    #expect(shown([""], ["a"]) == ["a", ""])
  }

  @Test("what could be a beginning is held back until it is one or not")
  func heldBack() {
    #expect(shown(["END"], ["abE", "N", "D rest"]) == ["ab", "", "", "■"])
    #expect(shown(["END"], ["abE", "Nd", "!"]) == ["ab", "ENd", "!", ""])
    #expect(shown(["END"], ["abE"]) == ["ab", "E"])
  }

  @Test("a beginning inside a beginning is not lost")
  func overlap() {
    #expect(shown(["aab"], ["aa", "ab"]) == ["", "a", "■"])
    #expect(shown(["abab", "bb"], ["aba", "bb"]) == ["", "", "■"])
  }

  @Test("of several the one that is complete first counts, of those the longest")
  func earliest() {
    #expect(shown(["later", "now"], ["a now later"]) == ["a ", "■"])
    #expect(shown(["abaa", "ba"], ["abaa"]) == ["a", "■"])
    #expect(shown(["abaa", "ba"], ["a", "b", "a", "a"]) == ["", "", "a", "■"])
    #expect(shown(["ba", "aba"], ["aba"]) == ["", "■"])
  }

  @Test("scalars are compared, whatever characters they make")
  func unicode() {
    #expect(shown(["é🙂"], ["caf\u{e9}", "🙂!"]) == ["caf", "", "■"])
    #expect(shown(["\n"], ["a\r\n b"]) == ["a\r", "■"])
    #expect(shown(["\u{301}x"], ["e\u{301}", "y"]) == ["e", "\u{301}y", ""])
    #expect(shown(["🙂"], ["🙃"]) == ["🙃", ""])
  }

  @Test("in 2000 random texts, whatever the pieces, all before the first stop string is shown and nothing after")
  func random() {
    var numbers = SeededNumbers(seed: 8)
    func text(_ count: Int) -> String { String((0..<count).map { _ in numbers.next() % 2 == 0 ? "a" : "b" }) }
    for _ in 0..<2000 {
      let stops = (0..<1 + Int(numbers.next() % 2)).map { _ in text(1 + Int(numbers.next() % 4)) }
      let pieces = (0..<8).map { _ in text(Int(numbers.next() % 4)) }
      let whole = Array(pieces.joined())
      let end = (0...whole.count).first { end in stops.contains { whole[..<end].ends(with: $0) } }
      let first = end.map { end in end - (stops.filter { whole[..<end].ends(with: $0) }.map(\.count).max() ?? 0) }
      let result = shown(stops, pieces)
      let expected = String(whole.prefix(first ?? whole.count)) + (first == nil ? "" : "■")
      #expect(result.joined() == expected, "\(stops) in \(pieces)")
    }
  }
}

extension ArraySlice<Character> {
  fileprivate func ends(with text: String) -> Bool { suffix(text.count).elementsEqual(text) }
}
