import ArgumentParser
import Foundation
import KelvinEngine

/// `kelvin generate`: continues a text.
struct Generate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continues a prompt, and says what the cache kept.",
    discussion: """
      Examples:
        kelvin generate -m model.gguf -p "Once upon a time" -n 64
        kelvin generate -m model.gguf -f long.txt -n 128 --kv-policy h2o --kv-budget 20%
        kelvin generate -m model.gguf -f long.txt --prompt-cache long.cache
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var prompt: PromptOptions
  @Option(
    name: [.short, .customLong("predict"), .customLong("n-predict")], parsing: .unconditional,
    help: "Tokens to generate; -1: until the context is full.")
  var n = -1
  @OptionGroup var cache: CacheFlags
  @OptionGroup var promptCache: PromptCacheFlags
  @OptionGroup var sampling: SamplingFlags
  @Flag(name: .shortAndLong, help: "Print one JSON object instead of the text.")
  var json = false

  func run() async throws {
    try await reporting {
      let options = try cache.options(exact: model.exact)
      let samplingOptions = try sampling.options()
      guard n >= -1 else {
        throw EngineError.invalidOption(option: "predict", found: "\(n)", expected: "a count, or -1")
      }
      let engine = try await model.load(cache, chatTemplate: prompt.template.chatTemplate)
      var request = GenerationRequest(prompt: try prompt.tokens(engine.loaded))
      request.maximumTokens = n < 0 ? nil : n
      request.sampling = samplingOptions
      request.stopStrings = sampling.reversePrompt
      request.ignoresEnd = sampling.ignoreEos
      request.promptFile = promptCache.fileToWrite
      let session = try await promptCache.session(options, on: engine)
      let result = try await generate(request, reusing: session, on: engine)
      if json {
        try Output.json(result)
      } else {
        Terminal.write("\n")
        Terminal.error(Output.summary(result) + "\n")
      }
      if result.stopReason == .cancelled { throw SystemExit.interrupted }
    }
  }

  /// Streams the text to standard output unless JSON is wanted.
  private func generate(
    _ request: GenerationRequest, reusing session: Session, on engine: Engine
  ) async throws -> GenerationResult {
    let interruption = Interruption { request.cancellation.cancel() }
    defer { withExtendedLifetime(interruption) {} }
    var result: GenerationResult?
    for try await event in engine.generate(request, reusing: session) {
      switch event {
      case .reading(let share): Terminal.progress("reading the prompt", share)
      case .token(_, let text): if !json { Terminal.write(text) }
      case .finished(let finished): result = finished
      }
    }
    guard let result else { throw Failure("the generation ended without a result", code: SystemExit.software) }
    return result
  }
}
