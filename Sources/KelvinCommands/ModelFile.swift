import ArgumentParser

/// The model of a command that reads what its file says, named with `-m` as everywhere or without.
struct ModelFile: ParsableArguments {
  @Argument(help: ArgumentHelp("The same as --model.", valueName: "model"))
  var unnamed: String?
  @Option(
    name: [.customShort("m"), .customLong("model")],
    help: "The model: a GGUF file, a safetensors folder, or a llama2.c file.")
  var named: String?

  /// The path that was given; `nil`: none.
  func path() throws -> String? {
    guard let unnamed, let named else { return unnamed ?? named }
    throw Failure("give the model once: '\(unnamed)', or -m '\(named)'", code: SystemExit.usage)
  }
}
