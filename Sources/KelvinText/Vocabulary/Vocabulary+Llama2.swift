extension Vocabulary {
  /// Reads a llama2.c `tokenizer.bin`: the longest length, then score, length and bytes of each of `count` pieces.
  ///
  /// The file has no header and no names: 0 is unknown, 1 begins and 2 ends a text, and pieces spelled `<0x0A>` are
  /// bytes. Spaces become `▁` again, as in the SentencePiece model that the file was made from. Errors:
  /// `malformedFile` with the byte where the file ends too early, goes on too long or has an impossible length.
  public init(llama2 bytes: [UInt8], count: Int) throws(TextError) {
    var reader = LittleEndianReader(bytes: bytes, format: "tokenizer.bin")
    let longest = try reader.integer()
    guard count > 0, count <= bytes.count / 8 else {
      throw reader.problem("\(bytes.count) bytes cannot hold the \(count) pieces of the model")
    }
    var (pieces, scores, kinds) = ([String](), [Float](), [PieceKind]())
    for id in 0..<count {
      let score = Float(bitPattern: try reader.integer())
      let length = try reader.integer()
      guard length <= longest else {
        throw reader.problem("piece \(id) has \(length) bytes, expected at most \(longest) as the file's head says")
      }
      let text = String(decoding: try reader.take(Int(length)), as: UTF8.self)
      pieces.append(Self.spelling(llama2: text, id))
      scores.append(score)
      let isByte = SentencePieceSpelling.byte(of: text) != nil
      kinds.append(id == 0 ? .unknown : id <= 2 ? .control : isByte ? .byte : .normal)
    }
    guard reader.position == bytes.count else {
      throw reader.problem("\(bytes.count - reader.position) bytes follow the \(count) pieces of the model")
    }
    try self.init(model: .sentencePiece, pieces: pieces, scores: scores, kinds: kinds)
    special.unknown = 0
    special.begin = count > 1 ? 1 : nil
    special.end = count > 2 ? 2 : nil
    special.addsBegin = count > 1
  }

  /// The file puts line feeds around `<s>` and `</s>` and writes spaces as such.
  private static func spelling(llama2 text: String, _ id: Int) -> String {
    if id == 1 || id == 2 { return String(text.drop { $0 == "\n" }.prefix { $0 != "\n" }) }
    var spelling = ""
    for scalar in text.unicodeScalars { spelling.unicodeScalars.append(scalar == " " ? "\u{2581}" : scalar) }
    return spelling
  }
}

/// Reads numbers from a file that ends where it likes.
struct LittleEndianReader {
  let bytes: [UInt8]
  let format: String
  var position = 0

  init(bytes: [UInt8], format: String) {
    self.bytes = bytes
    self.format = format
  }

  func problem(_ what: String) -> TextError {
    .malformedFile(format: format, offset: position, problem: what)
  }

  mutating func take(_ count: Int) throws(TextError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= bytes.count - position else {
      throw problem("the file ends, expected \(count) more bytes")
    }
    defer { position += count }
    return bytes[position..<(position + count)]
  }

  /// Four bytes.
  mutating func integer() throws(TextError) -> UInt32 {
    try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
