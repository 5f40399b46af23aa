import ArgumentParser

/// The command-line tool: one file per command in `Commands`.
@main
struct Kelvin: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kelvin",
    abstract: "Runs language models with a key-value cache that you choose.",
    version: KelvinVersion.text,
    subcommands: [
      Generate.self, Chat.self, Tokenize.self, Detokenize.self, ScoreText.self, Bench.self, Inspect.self, Plan.self,
      Policies.self, Convert.self,
    ])
}

/// The version that `--version` prints.
enum KelvinVersion {
  static let text = "0.1.0"
}
