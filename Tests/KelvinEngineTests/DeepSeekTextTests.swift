import Foundation
import KelvinCheckpoints
import KelvinEngine
import KelvinTensors
import KelvinText
import TestSupport
import Testing

@Suite("Text of a DeepSeek")
struct DeepSeekTextTests {
  /// What the package tokenizers makes of texts, with the file that says how; see `make_tokenizer_json.py`.
  private struct Golden {
    var tokenizer: Data
    var texts: [(text: String, ids: [Int32])]

    init(_ name: String) throws {
      let file = Fixtures.tests.appendingPathComponent("KelvinTextTests/Fixtures/tokenizers.json")
      let cases = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [[String: Any]])
      let golden = try #require(cases.first { $0["name"] as? String == name })
      tokenizer = try JSONSerialization.data(withJSONObject: #require(golden["tokenizer"]))
      texts = try #require(golden["texts"] as? [[String: Any]]).map {
        (try #require($0["text"] as? String), try #require($0["ids"] as? [Int]).map { Int32($0) })
      }
    }
  }

  /// As published, tokens are objects with a type, and the class is one of another family.
  private static let configuration = #"""
    {"add_bos_token": true, "add_eos_token": false, "legacy": true, "model_max_length": 16384, "unk_token": null,
     "bos_token": {"__type": "AddedToken", "content": "<｜begin▁of▁sentence｜>", "lstrip": false, "normalized": true},
     "eos_token": {"__type": "AddedToken", "content": "<｜end▁of▁sentence｜>", "lstrip": false, "normalized": true},
     "pad_token": {"__type": "AddedToken", "content": "<｜end▁of▁sentence｜>", "lstrip": false, "normalized": true},
     "chat_template": "{{ bos_token }}{% for m in messages %}{{ '<｜User｜>' + m['content'] }}{% endfor %}",
     "sp_model_kwargs": {}, "tokenizer_class": "LlamaTokenizerFast", "clean_up_tokenization_spaces": false}
    """#

  @Test(
    "a published folder gives the golden ids behind the begin token, and so do its GGUF file and the folder made of that",
    arguments: [
      ("deepseek-llm", "deepseek-v2-moe"), ("deepseek-coder", "deepseek-v2-lite-dense"), ("deepseek-v3", "deepseek-v3"),
    ])
  func carried(rule: String, model: String) async throws {
    let golden = try Golden(rule)
    try await Fixtures.withFolder { folder in
      let source = folder.appendingPathComponent("source")
      try FileManager.default.copyItem(atPath: Fixtures.path(model), toPath: source.path)
      try golden.tokenizer.write(to: source.appendingPathComponent("tokenizer.json"))
      try Data(Self.configuration.utf8).write(to: source.appendingPathComponent("tokenizer_config.json"))
      let (gguf, back) = (folder.appendingPathComponent("x.gguf").path, folder.appendingPathComponent("back").path)
      var options = ConversionOptions()
      options.threads = 1
      try ModelConversion(from: source.path, to: gguf, options: options).write()
      try ModelConversion(from: gguf, to: back, options: options).write()
      #expect(try CheckpointReader.read(path: gguf).metadata["tokenizer.ggml.pre"]?.string == rule)
      for path in [source.path, gguf, back] {
        let tokenizer = try LoadedModel.tokenizer(path: path)
        let special = tokenizer.vocabulary.special
        let begin = try #require(tokenizer.id(of: "<｜begin▁of▁sentence｜>"))
        #expect(special.begin == begin && special.addsBegin && !special.addsEnd)
        #expect(special.end == tokenizer.id(of: "<｜end▁of▁sentence｜>") && special.padding == special.end)
        #expect(tokenizer.vocabulary.chatTemplate?.hasPrefix("{{ bos_token }}") == true)
        for (text, ids) in golden.texts {
          #expect(tokenizer.encode(text) == [begin] + ids, "\(path): \(text.debugDescription)")
        }
      }
    }
  }
}
