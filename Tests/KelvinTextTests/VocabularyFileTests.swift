import Testing

import KelvinText

@Suite("Vocabulary files")
struct VocabularyFileTests {
  @Test("tokenizer.json files give the ids and texts of Hugging Face's tokenizers")
  func tokenizerJSON() throws {
    let cases = try #require(Fixture.json("tokenizers.json").array)
    #expect(cases.count == 9)
    for value in cases {
      let name = try Fixture.string(value, "name")
      let tokenizer = try Tokenizer(TokenizerJSON(Self.json(#require(value["tokenizer"]))).vocabulary())
      for text in try Fixture.array(value, "texts") {
        let title = Comment(rawValue: "\(name): \(try Fixture.string(text, "text").debugDescription)")
        let ids = tokenizer.encode(try Fixture.string(text, "text"))
        #expect(ids == (try Fixture.ids(text, "ids")), title)
        #expect(tokenizer.decode(ids) == (try Fixture.string(text, "decoded")), title)
      }
    }
  }

  /// Writes a value back as a file.
  private static func json(_ value: JSONValue) throws -> [UInt8] {
    let template = try ChatTemplate(source: "{{ value | tojson }}")
    return Array(try template.render([], ChatTemplate.Inputs(variables: ["value": value])).utf8)
  }

  @Test("tokenizer_config.json adds the template and the tokens' roles")
  func configuration() throws {
    let value = try #require(Fixture.json("tokenizers.json").array?.first?["tokenizer"])
    let config = #"""
      {"bos_token": {"content": "<|begin|>"}, "eos_token": "<|end|>", "pad_token": null, "add_bos_token": true,
       "chat_template": [{"name": "tools", "template": "x"}, {"name": "default", "template": "{{ messages }}"}]}
      """#
    let vocabulary = try Vocabulary(tokenizerJSON: Self.json(value), configJSON: Array(config.utf8))
    #expect(vocabulary.chatTemplate == "{{ messages }}")
    #expect(vocabulary.special.begin.map { vocabulary.pieces[Int($0)] } == "<|begin|>")
    #expect(vocabulary.special.end.map { vocabulary.pieces[Int($0)] } == "<|end|>")
    #expect(vocabulary.special.padding == nil)
    #expect(try Tokenizer(vocabulary).encode("a").first == vocabulary.special.begin)
  }

  @Test("a pattern may have its line breaks spelled out or as they are")
  func lineBreaks() throws {
    let rule = #"""
      [^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
      """#
    let llama = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|" + rule
    for pattern in [llama, llama.replacing(#"\r\n"#, with: "\r\n")] {
      let text = Self.sequence(Self.isolated(pattern))
      #expect(try Vocabulary(tokenizerJSON: Array(text.utf8)).model == .byteLevelBPE(.llamaBPE))
    }
  }

  /// A file whose text is cut by a step before `ByteLevel`.
  private static func sequence(_ step: String) -> String {
    let last = #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}"#
    return #"{"model":{"vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Sequence","pretokenizers":["#
      + step + "," + last + "]}}"
  }

  private static func isolated(_ pattern: String) -> String {
    #"{"type":"Split","pattern":{"Regex":"# + JSONValue.string(pattern).text + #"},"behavior":"Isolated"}"#
  }

  @Test(
    "tokenizer.json files that would be read wrongly are refused by name",
    arguments: [
      ("", "byte 0"), ("{}", "'model'"), ("[1]", "'model'"), (#"{"model":{}}"#, "'model.vocab'"),
      (#"{"model":{"type":"Unigram","vocab":[]}}"#, "model 'Unigram' is not supported"),
      (#"{"model":{"vocab":{},"merges":[]}}"#, "no pieces"),
      (#"{"model":{"vocab":{"a":999999999999},"merges":[]}}"#, "ids from 0 to 1"),
      (#"{"model":{"vocab":{"a":-1},"merges":[]}}"#, "found -1"),
      (#"{"model":{"vocab":{"a":"x"},"merges":[]}}"#, "'model.vocab.a'"),
      (
        #"{"model":{"vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Whitespace"}}"#,
        "pre-tokenizer 'Whitespace' is not supported"
      ),
      (sequence(#"{"type":"Digits","individual_digits":false}"#), "pre-tokenizer 'Digits' is not supported"),
      (sequence(isolated("x+")), "pre-tokenizer 'Split x+' is not supported"),
      // A step alone that is the first of DeepSeek's.
      (sequence(isolated(#"[\r\n]"#)), "pre-tokenizer 'Split + ByteLevel' is not supported"),
      (
        #"{"model":{"vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"ByteLevel"},"normalizer":{"type":"Lowercase"}}"#,
        "normalizer 'Lowercase' is not supported"
      ),
      (#"{"model":{"vocab":{"a":0},"merges":["ab"]},"pre_tokenizer":{"type":"ByteLevel"}}"#, "merge 0 is 'ab'"),
      (#"{"model":{"vocab":{"a":0},"merges":["a a"]},"pre_tokenizer":{"type":"ByteLevel"}}"#, "needs the piece 'aa'"),
      (#"{"model":{"vocab":{"a":0},"merges":[7]},"pre_tokenizer":{"type":"ByteLevel"}}"#, "'model.merges[0]'"),
    ])
  func refused(text: String, message: String) {
    do throws(TextError) {
      _ = try Tokenizer(Vocabulary(tokenizerJSON: Array(text.utf8)))
      Issue.record("read")
    } catch {
      #expect("\(error)".contains(message))
    }
  }

  @Test("a SentencePiece model gives SentencePiece's own ids, pieces and texts")
  func sentencePiece() throws {
    var vocabulary = try Vocabulary(sentencePiece: Fixture.bytes("tiny320.model"))
    #expect(vocabulary.count == 320)
    vocabulary.special.addsBegin = false
    let tokenizer = try Tokenizer(vocabulary)
    for value in try Fixture.array(Fixture.json("tiny320.golden.json"), "cases") {
      let ids = tokenizer.encode(try Fixture.string(value, "text"))
      #expect(ids == (try Fixture.ids(value, "ids")))
      #expect(ids.compactMap { tokenizer.piece($0) } == (try Fixture.array(value, "pieces").compactMap(\.string)))
      #expect(tokenizer.decode(ids) == (try Fixture.string(value, "decoded")))
    }
  }

  @Test("a llama2.c tokenizer gives the ids of its reference algorithm and round trips")
  func llama2() throws {
    let tokenizer = try Tokenizer(Vocabulary(llama2: Fixture.bytes("stories260k.tok512.bin"), count: 512))
    let golden = try Fixture.json("stories260k.ids.json")
    for value in try Fixture.array(golden, "cases") {
      let text = try Fixture.string(value, "text")
      #expect(tokenizer.encode(text) == (try Fixture.ids(value, "ids")), "\(text.debugDescription)")
      #expect(tokenizer.decode(tokenizer.encode(text)) == text)
    }
    let story = try Fixture.ids(golden, "ids")
    #expect(tokenizer.decode(story).hasPrefix("Once upon a time, there was a little girl named Lily."))
    #expect(tokenizer.encode(tokenizer.decode(story)) == story)
  }

  @Test("a tokenizer.bin or tokenizer.model cut anywhere is refused, never trapped on")
  func truncated() throws {
    let llama2 = try Fixture.bytes("stories260k.tok512.bin")
    for count in stride(from: 0, to: llama2.count, by: 101) {
      #expect(throws: TextError.self) { try Vocabulary(llama2: Array(llama2[..<count]), count: 512) }
    }
    let head = Array(llama2[..<280])
    for count in head.indices {
      #expect(throws: TextError.self) { try Vocabulary(llama2: Array(head[..<count]), count: 20) }
    }
    #expect(throws: TextError.self) { try Vocabulary(llama2: llama2 + [0], count: 512) }
    #expect(throws: TextError.self) { try Vocabulary(llama2: llama2, count: Int.max) }
    #expect(throws: TextError.self) { try Vocabulary(llama2: llama2, count: -1) }
    let model = try Fixture.bytes("tiny320.model")
    for count in stride(from: 0, to: model.count, by: 11) {
      _ = try? Tokenizer(Vocabulary(sentencePiece: Array(model[..<count])))
    }
    for index in stride(from: 0, to: model.count, by: 7) {
      var damaged = model
      damaged[index] ^= 0xFF
      _ = try? Vocabulary(sentencePiece: damaged)
    }
  }

  @Test("vocabularies whose lists disagree are refused")
  func disagreement() throws {
    func make(
      pieces: [String] = ["a", "b", "ab"], scores: [Float] = [], kinds: [Int] = [], merges: [String] = ["a b"],
      begin: Int32? = nil, model: Vocabulary.Model = .byteLevelBPE(.gpt2)
    ) throws(TextError) {
      var vocabulary = try Vocabulary(
        model: model, pieces: pieces, scores: scores, kinds: Vocabulary.kinds(ggufNumbers: kinds), merges: merges)
      vocabulary.special.begin = begin
      _ = try Tokenizer(vocabulary)
    }
    try make()
    #expect(throws: TextError.emptyVocabulary) { try make(pieces: []) }
    #expect(throws: TextError.countMismatch(list: "kinds", found: 1, expected: 3)) { try make(kinds: [1]) }
    #expect(throws: TextError.unknownPieceKind(number: 7, token: 0)) { try make(kinds: [7, 1, 1]) }
    #expect(throws: TextError.malformedMerge(index: 0, merge: "ab")) { try make(merges: ["ab"]) }
    #expect(throws: TextError.malformedMerge(index: 0, merge: "a ")) { try make(merges: ["a "]) }
    #expect(throws: TextError.mergeOfUnknownPiece(index: 0, piece: "c")) { try make(merges: ["a c"]) }
    #expect(throws: TextError.tokenOutOfRange(role: "begin", id: 3, count: 3)) { try make(begin: 3) }
    #expect(throws: TextError.countMismatch(list: "scores", found: 2, expected: 3)) {
      try make(scores: [0, 0], merges: [], model: .sentencePiece)
    }
    #expect(throws: TextError.scoreNotANumber(token: 1)) {
      try make(scores: [0, .nan, 0], merges: [], model: .sentencePiece)
    }
    #expect(throws: TextError.malformedBytePiece(token: 2, piece: "ab")) {
      try make(scores: [0, 0, 0], kinds: [1, 1, 6], merges: [], model: .sentencePiece)
    }
    #expect(throws: TextError.unsupportedModel(found: "bert", supported: ["gpt2", "llama"])) {
      try Vocabulary.Model(ggufModel: "bert", preTokenizer: nil)
    }
    #expect(throws: TextError.self) { try Vocabulary.Model(ggufModel: "gpt2", preTokenizer: "tekken") }
  }
}
