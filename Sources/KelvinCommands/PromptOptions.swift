import ArgumentParser
import Foundation
import KelvinEngine
import KelvinText

/// Options that give a text or token ids.
struct PromptOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "The prompt.")
  var prompt: String?

  @Option(name: .shortAndLong, help: "A file with the prompt; - reads standard input.")
  var file: String?

  @Option(help: "A JSON file with the prompt's token ids: a list, or an object with 'ids'.")
  var tokens: String?

  @Flag(help: "Put the prompt as a user's message into the chat template; --chat-template implies it.")
  var chat = false

  @OptionGroup var template: TemplateOption

  @Option(
    name: [.customLong("system-prompt"), .customLong("sys", withSingleDash: true)],
    help: "A system message, with --chat.")
  var system: String?

  /// The prompt as tokens.
  func tokens(_ loaded: LoadedModel) throws -> [Int32] {
    guard [prompt, file, tokens].compactMap({ $0 }).count == 1 else {
      throw Failure("give exactly one of -p TEXT, -f FILE and --tokens FILE", code: SystemExit.usage)
    }
    if let tokens { return try TokenFile.read(tokens) }
    let text = try prompt ?? TextFile.read(file ?? "-")
    let tokenizer = try loaded.requireTokenizer()
    guard chat || template.chatTemplate != nil else { return tokenizer.encode(text) }
    TemplateOption.announce(loaded)
    let opening = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
    let messages = opening + [ChatMessage(role: "user", content: text)]
    return tokenizer.encode(try loaded.render(messages), addSpecial: false)
  }
}

/// Files of text.
enum TextFile {
  /// The text of a file, or of standard input for `-`.
  static func read(_ path: String) throws -> String {
    let isStandardInput = path == "-"
    guard
      let data = isStandardInput
        ? FileHandle.standardInput.readDataToEndOfFile() : FileManager.default.contents(atPath: path)
    else {
      throw Failure("\(path): the file cannot be read; check the path", code: SystemExit.noInput)
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw Failure("\(path): not UTF-8 text; convert it first", code: SystemExit.data)
    }
    return text
  }
}

/// Files of token ids.
enum TokenFile {
  private struct Object: Decodable { var ids: [Int32] }

  /// The ids of a JSON file: a list, or an object with `ids`.
  static func read(_ path: String) throws -> [Int32] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure("\(path): the file cannot be read; check the path", code: SystemExit.noInput)
    }
    if let ids = try? JSONDecoder().decode([Int32].self, from: data) { return ids }
    if let object = try? JSONDecoder().decode(Object.self, from: data) { return object.ids }
    throw Failure(
      "\(path): expected a JSON list of token ids, or an object with 'ids'", code: SystemExit.data)
  }
}
