import KelvinText
import Testing

@Suite("Streaming text")
struct TextStreamTests {
  @Test("an emoji split over tokens appears whole with its last byte")
  func emoji() throws {
    let tokenizer = try Fixture.smollm2.get()
    let ids = tokenizer.encode("Hi 🦙!")
    var stream = TextStream(tokenizer)
    let parts = ids.map { stream.push($0) }
    #expect(parts.contains(""))
    #expect(parts.joined() == "Hi 🦙!")
    #expect(parts.allSatisfy { !$0.unicodeScalars.contains("\u{FFFD}") })
    #expect(stream.finish() == "")
  }

  @Test("an unfinished character becomes U+FFFD at the end")
  func unfinished() throws {
    let tokenizer = try Self.bytes()
    var stream = TextStream(tokenizer)
    #expect(stream.push(0xF0) == "")
    #expect(stream.push(0x9F) == "")
    #expect(stream.finish() == "\u{FFFD}")
    #expect(stream.push(0x41) == "A")
  }

  @Test("streamed bytes are the whole text's for every broken sequence of four bytes")
  func broken() throws {
    let tokenizer = try Self.bytes()
    let interesting: [Int32] = [
      0x20, 0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC3, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xF5,
    ]
    for a in interesting {
      for b in interesting {
        for c in interesting {
          for d in [Int32(0x41), 0x80, 0xE2, 0xF0] {
            let ids = [a, b, c, d]
            #expect(tokenizer.decode(ids) == String(decoding: ids.map { UInt8($0) }, as: UTF8.self))
          }
        }
      }
    }
  }

  @Test("control tokens are left out unless wanted, and the space in front of a text goes")
  func control() throws {
    let tokenizer = try Fixture.smollm2.get()
    #expect(tokenizer.decode([1, 19556, 2]) == "Hello")
    #expect(tokenizer.decode([1, 19556, 2], skipSpecial: false) == "<|im_start|>Hello<|im_end|>")
    let story = try Tokenizer(Vocabulary(llama2: Fixture.bytes("stories260k.tok512.bin"), count: 512))
    let ids = story.encode("Once upon")
    #expect(story.decode(ids) == "Once upon")
    var stream = TextStream(story, atStart: false)
    #expect(ids.map { stream.push($0) }.joined() == " Once upon")
  }

  /// A tokenizer whose token n is the byte n.
  private static func bytes() throws -> Tokenizer {
    let pieces = (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return "<0x\(digits.count < 2 ? "0" : "")\(digits)>"
    }
    var vocabulary = try Vocabulary(
      model: .sentencePiece, pieces: pieces, scores: Array(repeating: 0, count: 256),
      kinds: Array(repeating: .byte, count: 256))
    vocabulary.spacePrefix = .never
    return try Tokenizer(vocabulary)
  }
}
