import ArgumentParser
import Foundation
import KelvinEngine
import KelvinText

/// `kelvin score`: how well the model predicts a text under a cache policy.
struct ScoreText: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Measures how well the model predicts a text under a cache policy.",
    discussion: """
      The first tokens are read as a prompt; the rest is fed one by one, each scored before it is fed. The policy acts as it
      does in generation, so its damage is in the numbers.

      Example:
        kelvin score -m model.gguf -f book.txt --prefill 768 --kv-policy h2o --kv-budget 20% --json
      """)

  @OptionGroup var model: ModelOptions
  @Option(help: "A JSON file with token ids: a list, or an object with 'ids'.")
  var tokens: String?
  @Option(name: .shortAndLong, help: "A file with text; - reads standard input.")
  var file: String?
  @Option(help: "Tokens that are read as the prompt.")
  var prefill: Int
  @OptionGroup var cache: CacheFlags
  @Option(
    help: "Write the positions of the entries that are live at the end to this file: [layer][kv head][positions].")
  var dumpKept: String?
  @Flag(name: .shortAndLong, help: "Print one JSON object.")
  var json = false

  func run() async throws {
    try await reporting {
      let options = try cache.options(exact: model.exact)
      guard (tokens == nil) != (file == nil) else {
        throw Failure("give exactly one of --tokens FILE and -f FILE", code: SystemExit.usage)
      }
      let engine = try await model.load(cache)
      let ids =
        try tokens.map { try TokenFile.read($0) }
        ?? engine.loaded.requireTokenizer().encode(TextFile.read(file ?? "-"))
      let cancellation = Cancellation()
      let interruption = Interruption { cancellation.cancel() }
      defer { withExtendedLifetime(interruption) {} }
      let score = try await engine.score(ids, prefill: prefill, options: options) { share in
        Terminal.progress("scoring", share)
        return !cancellation.isCancelled
      }
      Terminal.progress("scoring", 1)
      if let dumpKept { try write(score.keptPositions, to: dumpKept) }
      if json {
        try Output.json(score)
      } else {
        Terminal.write(
          "mean NLL \(String(format: "%.5f", score.meanNLL)) nats, perplexity \(Output.number(score.perplexity)), "
            + "\(score.nll.count) tokens after \(prefill)\n\(Output.cache(score.kv))\n")
      }
      if cancellation.isCancelled { throw SystemExit.interrupted }
    }
  }

  private func write(_ positions: [[[Int32]]], to path: String) throws {
    do {
      // A whole file or none, unless the path is a device or pipe, which must not be replaced.
      let kind = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
      let isPlain = kind == nil || kind == .typeRegular
      try JSONEncoder().encode(positions).write(to: URL(fileURLWithPath: path), options: isPlain ? .atomic : [])
    } catch {
      throw Failure(
        "\(path): the positions cannot be written: \(error.localizedDescription)", code: SystemExit.cannotCreate)
    }
  }
}
