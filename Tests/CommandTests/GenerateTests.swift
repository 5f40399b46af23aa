import Foundation
import TestSupport
import Testing

@Suite("kelvin generate", .enabled(if: Command.tool != nil, "kelvin is not built beside the tests"))
struct GenerateTests {
  /// Calls `body` with the model of this suite, joined by a tokenizer of as many tokens.
  private func withTokenizer<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    try await Fixtures.withFolder { folder in
      let tokenizer = Fixtures.tests.appendingPathComponent("KelvinTextTests/Fixtures/tiny320.model")
      try FileManager.default.copyItem(at: tokenizer, to: folder.appendingPathComponent("tokenizer.model"))
      for name in ["config.json", "model.safetensors"] {
        try FileManager.default.copyItem(
          at: Fixtures.folder.appendingPathComponent("llama-gqa/\(name)"), to: folder.appendingPathComponent(name))
      }
      return try await body(folder.path)
    }
  }

  @Test("the text is on standard output, the statistics are on standard error")
  func statistics() async throws {
    let outcome = try await withTokenizer { model in
      try await Command.run(["generate", "-m", model, "-t", "1", "-p", "Hello", "-n", "8", "--temp", "0"])
    }
    #expect(outcome.code == 0)
    #expect(outcome.output.hasSuffix("\n") && outcome.output.count > 1)
    let lines = outcome.errors.split(separator: "\n")
    #expect(lines.map { $0.prefix { $0 != " " } } == ["prompt", "answer", "cache"])
    #expect(outcome.errors.contains("ended by length"))
  }

  @Test("a model without a tokenizer takes token ids, and -1 goes on until the context is full")
  func untilFull() async throws {
    let outcome = try await Command.run(
      "generate", ids: [1, 2, 3], ["-n", "-1", "--temp", "0", "--ignore-eos", "--json"])
    let object = try outcome.object()
    #expect(object["text"] as? String == "")
    #expect(object["generated_tokens"] as? Int == 253)
  }

  @Test(
    "a signal in a long generation: 128 and its number, with the statistics of what there is",
    arguments: [SIGINT, SIGHUP, SIGTERM])
  func interruption(_ signal: Int32) async throws {
    let outcome = try await withTokenizer { model in
      try await Command.run(
        [
          "generate", "-m", model, "-t", "1", "-p", "Hello", "-n", "100000000", "--temp", "0", "--ignore-eos",
          "--kv-policy", "streaming", "--kv-budget", "32",
        ], onOutput: { kill($0.processIdentifier, signal) })
    }
    #expect(outcome.code == 128 + signal)
    #expect(outcome.errors.contains("ended by cancelled"))
    #expect(outcome.errors.contains("cache   streaming:budget=32: "))
  }

  @Test("who starts it without a terminal's end, as nohup does, is not ended by one")
  func ignored() async throws {
    let outcome = try await withTokenizer { model in
      try await Command.run(
        ["generate", "-m", model, "-t", "1", "-p", "Hello", "-n", "40", "--temp", "0", "--ignore-eos"],
        ignoring: "HUP", onOutput: { kill($0.processIdentifier, SIGHUP) })
    }
    #expect(outcome.code == 0)
  }

  @Test("completions for the shells", arguments: ["bash", "zsh", "fish"])
  func completions(_ shell: String) async throws {
    let outcome = try await Command.run(["--generate-completion-script", shell])
    #expect(outcome.code == 0 && outcome.errors.isEmpty)
    for word in ["generate", "score", "bench", "kv-policy", "kv-budget"] {
      #expect(outcome.output.contains(word), "\(word)")
    }
  }
}
