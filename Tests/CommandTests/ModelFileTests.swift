import Foundation
import TestSupport
import Testing

@Suite(
  "inspect and plan take the model with -m and without",
  .enabled(if: Command.tool != nil, "kelvin is not built beside the tests"))
struct ModelFileTests {
  @Test("the same model, whether it is named or not", arguments: ["inspect", "plan"])
  func forms(_ command: String) async throws {
    let unnamed = try await Command.run([command, Command.model])
    #expect(unnamed.code == 0 && unnamed.output.contains("llama-gqa"))
    for option in ["-m", "--model"] {
      let named = try await Command.run([command, option, Command.model])
      #expect(named.code == 0 && named.output == unnamed.output)
    }
  }

  @Test(
    "twice or not at all is refused in one sentence",
    arguments: [
      (["inspect"], "give a model: kelvin inspect MODEL"),
      (["plan"], "give exactly one of MODEL, --config FILE, and --layers with --heads and --head-dim"),
      (["inspect", "a.gguf", "-m", "b.gguf"], "give the model once: 'a.gguf', or -m 'b.gguf'"),
      (["plan", "a.gguf", "-m", "b.gguf"], "give the model once: 'a.gguf', or -m 'b.gguf'"),
      (["plan", "-m", "a.gguf", "--config", "config.json"], "give exactly one of MODEL, --config FILE"),
    ])
  func refused(_ arguments: [String], _ words: String) async throws {
    let outcome = try await Command.run(arguments)
    #expect(outcome.code == 64 && outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("kelvin: \(words)") && outcome.errors.split(separator: "\n").count == 1)
  }
}
