import ArgumentParser
import KelvinEngine
import KelvinTensors
import KelvinText

/// `kelvin tokenize`: the tokens of a text.
struct Tokenize: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints the tokens of a text; the weights are not loaded.",
    discussion: """
      Examples:
        kelvin tokenize -m model.gguf "Once upon a time"
        kelvin tokenize -m model.gguf -f story.txt --ids > story.json
      """)

  @Option(name: .shortAndLong, help: "The model: a GGUF file, a safetensors folder, or a llama2.c file.")
  var model: String
  @Argument(help: "The text.")
  var text: String?
  @Option(name: .shortAndLong, help: "The text, where it begins with a dash.")
  var prompt: String?
  @Option(name: .shortAndLong, help: "A file with the text; - reads standard input.")
  var file: String?
  @Flag(help: "Print only the ids, as a list that --tokens reads. (default: a line with id and text for each token)")
  var ids = false
  @Flag(name: .customLong("no-special"), help: "Leave out the begin and end tokens. (default: as the model wants them)")
  var isWithoutSpecial = false
  @Flag(help: "Print one JSON object with ids and pieces.")
  var json = false

  /// What `--json` prints.
  private struct Result: Encodable {
    var ids: [Int32]
    var pieces: [String]
  }

  func run() async throws {
    try await reporting {
      guard [text, prompt, file].compactMap({ $0 }).count == 1 else {
        throw Failure("give exactly one of TEXT, -p TEXT and -f FILE", code: SystemExit.usage)
      }
      let tokenizer = try LoadedModel.tokenizer(path: model)
      let tokens = tokenizer.encode(
        try text ?? prompt ?? TextFile.read(file ?? "-"), addSpecial: !isWithoutSpecial)
      func piece(_ id: Int32) -> String { String(decoding: tokenizer.bytes(of: id), as: UTF8.self) }
      if json {
        try Output.json(Result(ids: tokens, pieces: tokens.map(piece)))
      } else if ids {
        Terminal.write("\(tokens)\n")
      } else {
        Terminal.write(tokens.map { "\($0)".padding(to: 8) + piece($0).debugDescription + "\n" }.joined())
      }
    }
  }
}
