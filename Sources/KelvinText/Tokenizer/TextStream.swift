/// Turns tokens into text one at a time, never showing half a character.
///
/// Bytes of an unfinished UTF-8 sequence wait for the next token. What `push` and `finish` return, put together, is
/// what `Tokenizer.decode` returns for all the tokens at once.
public struct TextStream: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecial: Bool
  private var waiting: [UInt8] = []
  private var dropsSpace: Bool

  /// Starts a stream.
  ///
  /// `atStart` says that the tokens begin a text rather than go on with one: then the space that the tokenizer put in
  /// front of the text is taken away again.
  public init(_ tokenizer: Tokenizer, skipSpecial: Bool = true, atStart: Bool = true) {
    self.tokenizer = tokenizer
    self.skipSpecial = skipSpecial
    dropsSpace = atStart && tokenizer.vocabulary.spacePrefix != .never
  }

  /// Adds a token and returns the text that is complete now; empty while a character is unfinished.
  public mutating func push(_ id: Int32) -> String {
    let isControl = tokenizer.isControl(id)
    if skipSpecial, isControl { return "" }
    var bytes = tokenizer.bytes(of: id)
    if dropsSpace, !bytes.isEmpty, !isControl {
      if bytes.first == 0x20 { bytes = bytes.dropFirst() }
      dropsSpace = false
    }
    waiting += bytes
    let complete = waiting.count - Self.unfinished(waiting)
    guard complete > 0 else { return "" }
    let text = String(decoding: waiting[..<complete], as: UTF8.self)
    waiting.removeFirst(complete)
    return text
  }

  /// Ends the stream and returns what was waiting, as U+FFFD.
  public mutating func finish() -> String {
    defer { waiting = [] }
    return String(decoding: waiting, as: UTF8.self)
  }

  /// How many bytes at the end begin a UTF-8 sequence that more bytes could still complete.
  private static func unfinished(_ bytes: [UInt8]) -> Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xC0 == 0x80 { continue }
      let width = byte < 0xC2 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF5 ? 4 : 1
      guard width > back else { return 0 }
      return back == 1 || second(bytes[bytes.count - back + 1], mayFollow: byte) ? back : 0
    }
    return 0
  }

  /// Whether a continuation byte may stand second: UTF-8 forbids overlong forms, surrogates and values past U+10FFFF.
  private static func second(_ byte: UInt8, mayFollow lead: UInt8) -> Bool {
    switch lead {
    case 0xE0: byte >= 0xA0
    case 0xED: byte < 0xA0
    case 0xF0: byte >= 0x90
    case 0xF4: byte < 0x90
    default: true
    }
  }
}

extension Tokenizer {
  /// The text of tokens; broken UTF-8 becomes U+FFFD.
  ///
  /// `skipSpecial` leaves out control tokens. Ids outside the vocabulary write nothing.
  public func decode(_ ids: [Int32], skipSpecial: Bool = true) -> String {
    var stream = TextStream(self, skipSpecial: skipSpecial)
    var text = ""
    for id in ids { text += stream.push(id) }
    return text + stream.finish()
  }
}
