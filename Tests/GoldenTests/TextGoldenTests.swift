import Foundation
import KelvinEngine
import KelvinText
import TestModels
import TestSupport
import Testing

extension SmolLM2Tests {
  /// The tokenizer and the chat template that the file brings, against Hugging Face's libraries.
  @Suite("text becomes the same tokens as in the references")
  struct Text {
    private struct Tokenisation: Decodable {
      var cases: [Case]
      struct Case: Decodable {
        var text: String
        var ids: [Int32]
        var decoded: String
      }
    }
    private struct Chat: Decodable {
      var messages: [[String: String]]
      var addGenerationPrompt: Bool
      var text: String
      var ids: [Int32]
    }

    @Test("60 strings, there and back")
    func strings() throws {
      let tokenizer = try LoadedModel.tokenizer(path: try #require(RealModel.path))
      let golden: Tokenisation = try read("tokenisation")
      #expect(golden.cases.count == 60)
      for string in golden.cases {
        #expect(tokenizer.encode(string.text) == string.ids)
        #expect(tokenizer.decode(string.ids, skipSpecial: false) == string.decoded)
      }
    }

    @Test("conversations, through the file's own template")
    func conversations() throws {
      let loaded = try LoadedModel(
        path: try #require(RealModel.path), exact: false, processor: try RealModel.fast.get().processor)
      let golden: [Chat] = try read("chat")
      #expect(golden.count == 4)
      for chat in golden {
        let messages = chat.messages.map { ChatMessage(role: $0["role"] ?? "", content: $0["content"] ?? "") }
        let text = try loaded.render(messages, addGenerationPrompt: chat.addGenerationPrompt)
        #expect(text == chat.text)
        #expect(try loaded.requireTokenizer().encode(text, addSpecial: false) == chat.ids)
      }
    }

    /// The tokenizer's own tests keep these goldens.
    private func read<Value: Decodable>(_ name: String) throws -> Value {
      let file = Fixtures.tests.appendingPathComponent("KelvinTextTests/Fixtures/smollm2.\(name).json")
      return try JSONDecoder().decode(Value.self, from: Data(contentsOf: file))
    }
  }
}
