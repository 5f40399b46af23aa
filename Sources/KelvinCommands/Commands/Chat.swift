import ArgumentParser
import Foundation
import KelvinEngine
import KelvinText

/// `kelvin chat`: a conversation on one cache.
struct Chat: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Talks with the model, all turns on one cache.",
    discussion: """
      Commands during the chat: /cache shows what is kept, /clear begins anew, /system TEXT sets the system message and begins
      anew, /save FILE saves the conversation with its cache, /load FILE goes on with one, /stats shows the last answer's
      speed, /help, /exit (or Ctrl-D). Ctrl-C ends an answer.
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var template: TemplateOption
  @Option(name: [.customLong("system-prompt"), .customLong("sys", withSingleDash: true)], help: "The system message.")
  var system: String?
  @Option(
    name: [.short, .customLong("predict"), .customLong("n-predict")], parsing: .unconditional,
    help: "Tokens per answer at most; -1: until the context is full.")
  var n = 1024
  @OptionGroup var cache: CacheFlags
  @OptionGroup var sampling: SamplingFlags

  func run() async throws {
    try await reporting {
      let options = try cache.options(exact: model.exact)
      let samplingOptions = try sampling.options()
      let engine = try await model.load(cache, chatTemplate: template.chatTemplate)
      TemplateOption.announce(engine.loaded)
      var conversation = try await Conversation(engine, options: options, system: system)
      var last: GenerationResult?
      let greeting = "\(engine.loaded.name), \(engine.kernels), \(engine.threads) threads; /help lists commands\n"
      Terminal.error(Terminal.faint(greeting))
      while !Interruption.endsProcess, let line = prompt() {
        if line.isEmpty { continue }
        do {
          if line.hasPrefix("/") {
            guard try await obey(line, &conversation, last) else { break }
            continue
          }
          last = try await answer(line, &conversation, samplingOptions)
        } catch let error as EngineError {
          Terminal.error("kelvin: \(error.description)\n")
        }
      }
      if Interruption.endsProcess { throw SystemExit.interrupted }
    }
  }

  private func prompt() -> String? {
    Terminal.error(Terminal.showsProgress ? "> " : "")
    return readLine()
  }

  private func answer(
    _ line: String, _ conversation: inout Conversation, _ sampling: SamplingOptions
  ) async throws -> GenerationResult? {
    var request = try await conversation.request(saying: line)
    request.maximumTokens = n < 0 ? nil : n
    request.sampling = sampling
    request.stopStrings = self.sampling.reversePrompt
    let cancellation = request.cancellation
    let interruption = Interruption { cancellation.cancel() }
    defer { withExtendedLifetime(interruption) {} }
    var result: GenerationResult?
    for try await event in conversation.stream(request) {
      switch event {
      case .reading(let share): Terminal.progress("reading", share)
      case .token(_, let text): Terminal.write(text)
      case .finished(let finished): result = finished
      }
    }
    Terminal.write("\n")
    if let result {
      conversation.hear(result)
      let speed = Output.number(result.decodeTokensPerSecond)
      Terminal.error(Terminal.faint("[\(speed) tokens/s, \(Output.cache(result.kv))]\n"))
    }
    return result
  }

  /// Carries out a command of the chat; `false` ends it.
  private func obey(_ line: String, _ conversation: inout Conversation, _ last: GenerationResult?) async throws -> Bool
  {
    let parts = line.split(separator: " ", maxSplits: 1)
    switch parts.first {
    case "/exit", "/quit": return false
    case "/cache": Terminal.write(Output.cache(await conversation.report()) + "\n")
    case "/stats": Terminal.write((last.map(Output.summary) ?? "no answer yet") + "\n")
    case "/clear": try await conversation.clear(system: conversation.system)
    case "/system": try await conversation.clear(system: parts.count > 1 ? String(parts[1]) : nil)
    case "/save" where parts.count > 1:
      // The file is written to its end.
      let interruption = Interruption {}
      defer { withExtendedLifetime(interruption) {} }
      try await conversation.save(to: String(parts[1]))
    case "/load" where parts.count > 1: try await conversation.load(from: String(parts[1]))
    case "/save", "/load": Terminal.error("kelvin: give a file: \(line) FILE\n")
    case "/help": Terminal.write("/cache /stats /clear /system TEXT /save FILE /load FILE /exit\n")
    default: Terminal.error("kelvin: command '\(line)' does not exist; /help lists them\n")
    }
    return true
  }
}
