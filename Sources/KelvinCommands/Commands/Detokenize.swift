import ArgumentParser
import KelvinEngine
import KelvinTensors
import KelvinText

/// `kelvin detokenize`: the text of tokens.
struct Detokenize: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints the text of tokens, special ones included; the weights are not loaded.",
    discussion: """
      Example:
        kelvin detokenize -m model.gguf 6403 3105 253 655
      """)

  @Option(name: .shortAndLong, help: "The model: a GGUF file, a safetensors folder, or a llama2.c file.")
  var model: String
  @Argument(help: "Token ids.")
  var ids: [Int32] = []
  @Option(help: "A JSON file with token ids: a list, or an object with 'ids'.")
  var tokens: String?
  @Flag(help: "Print one JSON object. (default: the text and a line break)")
  var json = false

  /// What `--json` prints.
  private struct Result: Encodable {
    var ids: [Int32]
    var text: String
  }

  func run() async throws {
    try await reporting {
      guard ids.isEmpty != (tokens == nil) else {
        throw Failure("give either token ids or --tokens FILE", code: SystemExit.usage)
      }
      let ids = try tokens.map { try TokenFile.read($0) } ?? ids
      let tokenizer = try LoadedModel.tokenizer(path: model)
      if let outside = ids.first(where: { $0 < 0 || Int($0) >= tokenizer.count }) {
        throw EngineError.tokenOutsideVocabulary(token: outside, vocabulary: tokenizer.count)
      }
      let text = tokenizer.decode(ids, skipSpecial: false)
      if json {
        try Output.json(Result(ids: ids, text: text))
      } else {
        Terminal.write(text + "\n")
      }
    }
  }
}
