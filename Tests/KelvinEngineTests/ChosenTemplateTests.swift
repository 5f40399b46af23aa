import Foundation
import KelvinEngine
import KelvinModels
import KelvinText
import TestSupport
import Testing

@Suite("The chat template in force")
struct ChosenTemplateTests {
  private static let messages = [ChatMessage(role: "user", content: "Hi")]

  private func engine(_ path: String, _ template: String? = nil) async throws -> Engine {
    var options = Engine.Options()
    options.threads = 1
    options.chatTemplate = template
    return try await Engine(path: path, options: options)
  }

  @Test("is the model's own, unless another is asked for by name or as a file")
  func asked() async throws {
    try await TinyEngine.withFolderOfChat { folder in
      let own = try await engine(folder.path)
      #expect(own.loaded.chatTemplateOrigin == .model && own.loaded.chatTemplateNote == nil)
      #expect(try own.loaded.render(Self.messages) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
      let named = try await engine(folder.path, "phi3")
      #expect(named.loaded.chatTemplateOrigin == .asked("phi3"))
      #expect(try named.loaded.render(Self.messages) == "<|user|>\nHi<|end|>\n<|assistant|>\n")
      let file = folder.appendingPathComponent("mine.jinja")
      try Data("{{ messages[0].content }}!".utf8).write(to: file)
      #expect(try await engine(folder.path, file.path).loaded.render(Self.messages) == "Hi!")
    }
  }

  @Test("lies in a file of its own in newer folders")
  func ownFile() async throws {
    try await TinyEngine.withFolderOfChat { folder in
      try Data("{}".utf8).write(to: folder.appendingPathComponent("tokenizer_config.json"))
      try Data("{{ messages[0].content }}?".utf8).write(to: folder.appendingPathComponent("chat_template.jinja"))
      #expect(try await engine(folder.path).loaded.render(Self.messages) == "Hi?")
      #expect(try ModelInspection(path: folder.path).chatTemplate == .model)
    }
  }

  @Test("is the usual one of an architecture whose models all have the same, and that is said")
  func usual() async throws {
    try await TinyEngine.withFolderOfChat { folder in
      for name in ["config.json", "model.safetensors"] {
        let file = folder.appendingPathComponent(name)
        try FileManager.default.removeItem(at: file)
        try FileManager.default.copyItem(at: Fixtures.folder.appendingPathComponent("gemma3-text/\(name)"), to: file)
      }
      try Data("{}".utf8).write(to: folder.appendingPathComponent("tokenizer_config.json"))
      let loaded = try await engine(folder.path).loaded
      #expect(loaded.chatTemplateOrigin == .usual("gemma"))
      #expect(loaded.chatTemplateNote?.contains("'gemma' is used") == true)
      #expect(
        try loaded.render(Self.messages)
          == "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n")
      #expect(try ModelInspection(path: folder.path).chatTemplate == .usual("gemma"))
    }
  }

  @Test("what is neither a name nor a file is refused with the names, and so is a model that has none")
  func unknown() async throws {
    let names = "chatml, llama2, llama3, gemma, mistral, phi3, zephyr or a file with a Jinja template"
    await #expect(
      throws: EngineError.invalidOption(option: "chat-template", found: "'nobody'", expected: names)
    ) { try await engine(Fixtures.path("llama-gqa"), "nobody") }
    #expect(
      EngineError.noChatTemplate(model: "m").description == "m has no chat template; give one with --chat-template: "
        + names)
  }

  @Test("every architecture's usual template has a name that exists")
  func names() {
    let names = ArchitectureRegistry.all.compactMap(\.chatTemplate)
    #expect(!names.isEmpty && names.allSatisfy { ChatTemplateRegistry.template($0) != nil })
  }
}
