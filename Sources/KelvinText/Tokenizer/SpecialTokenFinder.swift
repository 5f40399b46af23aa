/// Cuts text at special tokens: at each place the longest that fits.
///
/// A trie over bytes, so the time does not depend on the number of special tokens.
struct SpecialTokenFinder: Sendable {
  /// A part of a text.
  enum Fragment: Equatable {
    /// Text to be tokenised.
    case text(Range<Int>)
    /// A special token.
    case token(Int32)
  }

  private var children: [UInt64: Int] = [:]
  private var tokens: [Int32?] = [nil]
  private var starts = [Bool](repeating: false, count: 256)
  private let swallowsBefore: Set<Int32>
  private let swallowsAfter: Set<Int32>

  init(_ vocabulary: Vocabulary, kinds: Set<PieceKind>) {
    swallowsBefore = vocabulary.swallowsSpaceBefore
    swallowsAfter = vocabulary.swallowsSpaceAfter
    for (id, kind) in vocabulary.kinds.enumerated() where kinds.contains(kind) {
      insert(Array(vocabulary.pieces[id].utf8), Int32(id))
    }
  }

  private mutating func insert(_ spelling: [UInt8], _ id: Int32) {
    guard let first = spelling.first else { return }
    starts[Int(first)] = true
    var node = 0
    for byte in spelling {
      let key = UInt64(node) << 8 | UInt64(byte)
      if let next = children[key] {
        node = next
      } else {
        tokens.append(nil)
        children[key] = tokens.count - 1
        node = tokens.count - 1
      }
    }
    if tokens[node] == nil { tokens[node] = id }
  }

  /// The longest special token that starts at a place.
  private func match(_ text: [UInt8], at start: Int) -> (id: Int32, end: Int)? {
    guard starts[Int(text[start])] else { return nil }
    var best: (id: Int32, end: Int)?
    var (node, position) = (0, start)
    while position < text.count, let next = children[UInt64(node) << 8 | UInt64(text[position])] {
      node = next
      position += 1
      if let id = tokens[node] { best = (id, position) }
    }
    return best
  }

  /// The text as a sequence of special tokens and the text between them; no fragment is empty.
  func fragments(of text: [UInt8]) -> [Fragment] {
    var fragments: [Fragment] = []
    var (start, position) = (0, 0)
    while position < text.count {
      guard let (id, end) = match(text, at: position) else {
        position += 1
        continue
      }
      var (textEnd, next) = (position, end)
      if swallowsBefore.contains(id) { while textEnd > start, isSpace(text[textEnd - 1]) { textEnd -= 1 } }
      if swallowsAfter.contains(id) { while next < text.count, isSpace(text[next]) { next += 1 } }
      if textEnd > start { fragments.append(.text(start..<textEnd)) }
      fragments.append(.token(id))
      (start, position) = (next, next)
    }
    if start < text.count { fragments.append(.text(start..<text.count)) }
    return fragments
  }

  private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
