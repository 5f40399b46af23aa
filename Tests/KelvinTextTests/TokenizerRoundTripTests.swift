import KelvinText
import Testing

@Suite("A vocabulary written as tokenizer.json")
struct TokenizerRoundTripTests {
  /// The vocabulary after it was written and read.
  private func again(_ vocabulary: Vocabulary) throws -> Vocabulary {
    try Vocabulary(
      tokenizerJSON: Array(vocabulary.tokenizerJSON().text.utf8),
      configJSON: Array(vocabulary.tokenizerConfiguration().text.utf8))
  }

  /// Text of many kinds: words, numbers, signs, scripts, spaces, control tokens.
  static let texts = [
    "", " ", "Once upon a time, there was a little girl named Lily.", "  two  spaces and a tab\t\n\n end ",
    "don't 1234567890 3.14 x=y+z; if(a){b[0]}", "Grüße, naïve café, Ωμέγα, Привет, 你好，世界, 🙂👍🏽 e\u{301}",
    "<s>not special</s> <|im_start|>user\nhi<|im_end|>\n", "aaaaaaaa AAAA bb ababab\r\n\u{a0}\u{200b}x",
  ]

  private func expectSame(_ a: Vocabulary, _ b: Vocabulary) throws {
    #expect(b.pieces == a.pieces)
    #expect(b.model == a.model)
    #expect(b.special == a.special)
    #expect(b.chatTemplate == a.chatTemplate)
    let (first, second) = (try Tokenizer(a), try Tokenizer(b))
    for text in Self.texts {
      for parses in [true, false] {
        let ids = first.encode(text, parseSpecial: parses)
        #expect(second.encode(text, parseSpecial: parses) == ids, "\(text.debugDescription)")
        #expect(second.decode(ids) == first.decode(ids), "\(text.debugDescription)")
      }
    }
  }

  @Test("byte-level BPE of SmolLM2 gives the same tokens, roles and template")
  func smollm2() throws {
    var vocabulary = try Fixture.smollm2.get().vocabulary
    vocabulary.special.begin = 1
    vocabulary.special.end = 2
    vocabulary.special.unknown = 0
    vocabulary.chatTemplate = "{{ messages[0]['content'] }}\n\"quoted\" \\ \u{1}"
    try expectSame(vocabulary, again(vocabulary))
    vocabulary.special.addsBegin = true
    vocabulary.special.addsEnd = true
    try expectSame(vocabulary, again(vocabulary))
  }

  @Test("the other rules for words too", arguments: PreTokenizer.allCases)
  func rules(_ rule: PreTokenizer) throws {
    let gpt2 = try Fixture.vocabulary("gpt2", .gpt2)
    let vocabulary = try Vocabulary(
      model: .byteLevelBPE(rule), pieces: gpt2.pieces, kinds: gpt2.kinds, merges: gpt2.merges)
    try expectSame(vocabulary, again(vocabulary))
  }

  @Test("SentencePiece BPE with scores becomes one with merges and gives the same tokens")
  func sentencePiece() throws {
    let tiny = try Vocabulary(sentencePiece: Fixture.bytes("tiny320.model"))
    try expectSame(tiny, again(tiny))
    let stories = try Vocabulary(llama2: Fixture.bytes("stories260k.tok512.bin"), count: 512)
    try expectSame(stories, again(stories))
  }

  @Test("two spellings that are equal as strings stay two pieces, with merges of their own")
  func equalStrings() throws {
    let (composed, combined) = ("\u{e9}", "e\u{301}")
    let vocabulary = try Vocabulary(
      model: .sentencePiece,
      pieces: ["<unk>", "e", "\u{301}", combined, composed, "x", composed + "x", combined + "x"],
      scores: [0, -1, -2, -3, -4, -5, -6, -7], kinds: [.unknown] + Array(repeating: .normal, count: 7))
    let copy = try again(vocabulary)
    #expect(copy.pieces.map { Array($0.utf8) } == vocabulary.pieces.map { Array($0.utf8) })
    let scored = try Vocabulary(
      model: .sentencePiece, pieces: copy.pieces, scores: copy.scoresByMerge, kinds: copy.kinds)
    for var vocabulary in [vocabulary, copy, scored] {
      vocabulary.spacePrefix = .never
      let tokenizer = try Tokenizer(vocabulary)
      #expect(tokenizer.encode(composed + "x") == [6] && tokenizer.encode(combined + "x") == [7])
    }
  }

  @Test("pieces with spaces, which are found before anything merges, stay what they are")
  func spaces() throws {
    let vocabulary = try Vocabulary(
      model: .sentencePiece, pieces: ["<unk>", "x", "▁", "  ", "▁x", " x"], scores: [0, -1, -2, -3, -4, -5],
      kinds: [.unknown, .normal, .normal, .userDefined, .normal, .userDefined])
    let copy = try again(vocabulary)
    #expect(copy.pieces == vocabulary.pieces && copy.merges == ["▁ x"])
    for var vocabulary in [vocabulary, copy] {
      vocabulary.spacePrefix = .never
      let tokenizer = try Tokenizer(vocabulary)
      #expect(tokenizer.encode("x  x") == [1, 3, 1] && tokenizer.encode("x x") == [1, 5])
    }
  }

  @Test("scores made of merges give the tokens of the merges")
  func scores() throws {
    let merged = try again(Vocabulary(sentencePiece: Fixture.bytes("tiny320.model")))
    #expect(merged.scores.isEmpty && !merged.merges.isEmpty)
    var scored = try Vocabulary(
      model: .sentencePiece, pieces: merged.pieces, scores: merged.scoresByMerge, kinds: merged.kinds)
    scored.special = merged.special
    let (first, second) = (try Tokenizer(merged), try Tokenizer(scored))
    for text in Self.texts { #expect(first.encode(text) == second.encode(text), "\(text.debugDescription)") }
  }

  @Test("what the file cannot say is refused by its name")
  func refused() throws {
    let twice = try Vocabulary(model: .byteLevelBPE(.gpt2), pieces: ["a", "b", "a"])
    #expect(
      throws: TextError.unsupportedFeature(
        format: "tokenizer.json", feature: "two tokens that are both spelled 'a'")
    ) { try twice.tokenizerJSON() }
    var spaced = try Vocabulary(model: .sentencePiece, pieces: ["a"], scores: [0])
    spaced.spacePrefix = .first
    #expect(
      throws: TextError.unsupportedFeature(
        format: "tokenizer.json", feature: "a space that is put in front of some texts only")
    ) { try spaced.tokenizerJSON() }
  }
}
