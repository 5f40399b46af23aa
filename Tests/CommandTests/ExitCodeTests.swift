import Foundation
import TestSupport
import Testing

@Suite(
  "The command line says in one sentence what is wrong",
  .enabled(if: Command.tool != nil, "kelvin is not built beside the tests"))
struct ExitCodeTests {
  static let damaged = Fixtures.tests.appendingPathComponent("KelvinCheckpointsTests/Fixtures/malformed")

  /// Checks that a run ended with `code`, wrote nothing, and gave one sentence with `words` on standard error.
  private func expect(_ outcome: Command.Outcome, code: Int32, words: String) {
    #expect(outcome.code == code)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("kelvin: ") && outcome.errors.hasSuffix("\n"))
    #expect(outcome.errors.split(separator: "\n").count == 1)
    #expect(outcome.errors.contains(words), "\(outcome.errors)")
  }

  @Test("an option that does not exist: 64, with the usage")
  func unknownOption() async throws {
    let outcome = try await Command.run("generate", ids: [1], ["--frobnicate"])
    #expect(outcome.code == 64)
    #expect(outcome.errors.hasPrefix("Error: Unknown option '--frobnicate'\nUsage: kelvin generate"))
  }

  @Test(
    "what cannot be asked for: 64",
    arguments: [
      (["--kv-policy", "h2o:when=never"], "policy 'h2o': when=never is not possible, expected prefill, decode, both"),
      (["--kv-policy", "h2o:colour=red"], "option 'colour' does not exist; known: budget, recent"),
      (["--kv-policy", "h3o"], "policy 'h3o' does not exist; known: full, h2o, streaming"),
      (["--kv-policy", "h2o", "--kv-budget", "0"], "budget=0 is not possible, expected entries like 512"),
      (["--kv-policy", "h2o", "--no-cache"], "without a cache nothing is kept"),
      (["--kv-limit", "many"], "option 'kv-limit': many is not possible, expected bytes like 64MiB"),
      (
        ["--kv-residual", "64"],
        "option 'kv-residual': 64 with entries in f16 is not possible, expected 0, or entries in"
      ),
      (["--kv-residual", "-1", "-ctk", "q8_0"], "option 'kv-residual': -1 is not possible, expected 0 to"),
      (["-n", "-2"], "option 'predict': -2 is not possible, expected a count, or -1"),
      (["-p", "and a text"], "give exactly one of"),
    ])
  func usage(_ arguments: [String], _ words: String) async throws {
    expect(try await Command.run("generate", ids: [1, 2], arguments), code: 64, words: words)
  }

  @Test("a model or a file of tokens that is not there: 66")
  func missing() async throws {
    let model = try await Command.run(["generate", "-m", "nowhere.gguf", "-p", "Hello"])
    expect(model, code: 66, words: "nowhere.gguf: cannot be read")
    let tokens = try await Command.run(["generate", "-m", Command.model, "--tokens", "nowhere.json"])
    expect(tokens, code: 66, words: "nowhere.json: the file cannot be read")
  }

  @Test(
    "a damaged model: 65, with its name",
    arguments: [
      "gguf/bad-magic.gguf", "gguf/data-half.gguf", "gguf/tensor-missing.gguf", "hf/cfg-heads-0", "hf/config-cut",
      "safetensors/header-not-json.safetensors",
    ])
  func damaged(_ name: String) async throws {
    let path = Self.damaged.appendingPathComponent(name)
    let outcome = try await Command.run(["generate", "-m", path.path, "-p", "Hello"])
    expect(outcome, code: 65, words: path.lastPathComponent)
  }

  @Test("a file with nothing in it is one that was cut, not one that is missing: 65")
  func empty() async throws {
    let path = Self.damaged.appendingPathComponent("gguf/empty.gguf").path
    let model = try await Command.run(["generate", "-m", path, "-p", "Hello"])
    expect(model, code: 65, words: "empty.gguf: the file is empty; ")
    expect(try await Command.run(["plan", "--config", path]), code: 65, words: "empty.gguf: the file is empty; ")
  }

  @Test("tokens that the model does not know, more than fit, and text for a model without a tokenizer: 65")
  func data() async throws {
    expect(
      try await Command.run("generate", ids: [999], []), code: 65,
      words: "token 999 is outside the model's vocabulary of 320")
    expect(
      try await Command.run("generate", ids: [1], ["-n", "300"]), code: 65,
      words: "300 tokens do not fit the context of 256")
    expect(
      try await Command.run(["generate", "-m", Command.model, "-p", "Hello"]), code: 65,
      words: "llama-gqa has no tokenizer; give token ids instead of text")
  }

  @Test("a full disk, for positions: 73; a device is written to, not replaced", .enabled(if: FullDisk.isThere))
  func fullDisk() async throws {
    let outcome = try await Command.run(
      "score", ids: Array(0..<40), ["--prefill", "8", "--dump-kept", FullDisk.path, "--json"])
    #expect(outcome.code == 73)
    #expect(outcome.errors.contains(FullDisk.path))
    let kind = try FileManager.default.attributesOfItem(atPath: FullDisk.path)[.type] as? FileAttributeType
    #expect(kind == .typeCharacterSpecial)
  }

  @Test("a cache that may not be as large as it must be: 71")
  func memory() async throws {
    expect(
      try await Command.run("generate", ids: [1, 2], ["--kv-limit", "1KiB"]), code: 71,
      words: "the cache needs 4096 bytes and may take 1024")
  }
}

/// The device that is always full, on systems that have it.
private enum FullDisk {
  static let path = "/dev/full"
  static let isThere = FileManager.default.fileExists(atPath: path)
}
