import Testing

import KelvinText

@Suite("Byte-level tokenizers")
struct ByteLevelTests {
  @Test("SmolLM2 gives the golden ids and texts for 60 strings")
  func smollm2() throws {
    let tokenizer = try Fixture.smollm2.get()
    let cases = try Fixture.array(Fixture.json("smollm2.tokenisation.json"), "cases")
    #expect(cases.count == 60)
    for value in cases {
      let text = try Fixture.string(value, "text")
      let ids = tokenizer.encode(text)
      #expect(ids == (try Fixture.ids(value, "ids")), "\(text.debugDescription)")
      #expect(tokenizer.decode(ids, skipSpecial: false) == (try Fixture.string(value, "decoded")))
    }
  }

  @Test("GPT-2 gives the published ids")
  func gpt2() throws {
    let tokenizer = try Tokenizer(Fixture.vocabulary("gpt2", .gpt2))
    for value in try Fixture.array(Fixture.json("gpt2.tokenisation.json"), "cases") {
      let text = try Fixture.string(value, "text")
      #expect(tokenizer.encode(text) == (try Fixture.ids(value, "ids")), "\(text.debugDescription)")
      #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }
  }

  @Test(
    "a step cuts the pieces of the steps before it, also what those matched",
    arguments: [
      // The letters are one match, but the range of the signs has those of ASCII in it.
      (PreTokenizer.deepSeekLLM, " H\u{e9}llo", [" H", "\u{e9}", "llo"]),
      // White space leads letters and signs, and is a word at the end of a piece only.
      (.deepSeekLLM, "a \n  12  b  ", ["a", " ", "\n", "  ", "1", "2", " ", " b", "  "]),
      (.deepSeekLLM, "\u{4e2d}\u{6587} abc!", ["\u{4e2d}\u{6587}", " abc", "!"]),
      (.deepSeekCoder, " H\u{e9}llo!\u{4e2d}1", [" H\u{e9}llo", "!", "\u{4e2d}", "1"]),
      (.deepSeekV3, "x 12345", ["x", " ", "123", "45"]),
      // Kana that are signs and marks: one match of the second step, cut by the third.
      (.deepSeekV3, "\u{30ab}\u{30fb}\u{30ca}", ["\u{30ab}", "\u{30fb}", "\u{30ca}"]),
      // Control characters match nothing, so they stay together.
      (.deepSeekV3, "\u{1}\u{2}(x) .NET!\n", ["\u{1}\u{2}", "(x", ")", " .", "NET", "!\n"]),
    ])
  func steps(rule: PreTokenizer, text: String, words: [String]) {
    #expect(words.joined() == text)
    #expect(WordScanner(Array(text.utf8)[...]).words(rule) == words.map(\.utf8.count))
  }

  @Test("every rule cuts words where its regular expressions do", arguments: PreTokenizer.allCases)
  func wordSplits(rule: PreTokenizer) throws {
    for value in try #require(Fixture.json("word-splits.json").array) {
      let text = try Fixture.string(value, "text")
      let lengths = WordScanner(Array(text.utf8)[...]).words(rule)
      #expect(lengths == (try Fixture.array(value, rule.rawValue).compactMap(\.integer)), "\(text.debugDescription)")
    }
  }

  @Test("SmolLM2's special and punctuation tokens are the golden ones")
  func kinds() throws {
    let tokenizer = try Fixture.smollm2.get()
    let golden = try Fixture.json("smollm2.kinds.json")
    let tokens = Int32(0)..<Int32(tokenizer.count)
    #expect(tokens.filter { tokenizer.kinds[Int($0)] == .special } == (try Fixture.ids(golden, "special")))
    #expect(tokens.filter { tokenizer.kinds[Int($0)] == .punctuation } == (try Fixture.ids(golden, "punctuation")))
    let newlines = tokens.filter { tokenizer.kinds[Int($0)] == .newline }
    #expect(newlines.contains(198))
    #expect(newlines.allSatisfy { tokenizer.bytes(of: $0).contains { $0 == 10 || $0 == 13 } })
  }

  @Test("special tokens in text are read only when asked for")
  func specialTokens() throws {
    let tokenizer = try Fixture.smollm2.get()
    #expect(tokenizer.encode("<|im_start|>user<|im_end|>") == [1, 4093, 2])
    let plain = tokenizer.encode("<|im_start|>", parseSpecial: false)
    #expect(plain.allSatisfy { tokenizer.kinds[Int($0)] != .special })
    #expect(tokenizer.decode(plain) == "<|im_start|>")
    #expect(tokenizer.vocabulary.special.endsGeneration(2))
    #expect(!tokenizer.vocabulary.special.endsGeneration(198))
  }

  @Test("pieces are found by their spelling and ids outside write nothing")
  func pieces() throws {
    let tokenizer = try Fixture.smollm2.get()
    #expect(tokenizer.piece(260) == "Ġthe")
    #expect(tokenizer.id(of: "Ġthe") == 260)
    #expect(tokenizer.bytes(of: 260).elementsEqual(" the".utf8))
    #expect(tokenizer.id(of: "no such piece") == nil)
    #expect(tokenizer.piece(-1) == nil)
    #expect(tokenizer.decode([-1, 260, Int32.max]) == " the")
  }

  @Test("one word of 100 000 letters and a megabyte of text take seconds at most")
  func longInputs() throws {
    let tokenizer = try Fixture.smollm2.get()
    let clock = ContinuousClock()
    let word = String(repeating: "abracadabra", count: 9_000)
    let text = String(repeating: "The quick brown fox, 42 of them, jumps over\nthe lazy dog. ", count: 4_000)
    let time = clock.measure {
      #expect(tokenizer.decode(tokenizer.encode(word)) == word)
      #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }
    #expect(time < .seconds(60), "quadratic work would take far longer even without optimisation")
  }
}
