import Foundation
import TestSupport
import Testing

@Suite("kelvin generate --prompt-cache", .enabled(if: Command.tool != nil, "kelvin is not built beside the tests"))
struct PromptCacheTests {
  private static let text: [Int32] = (0..<90).map { $0 * 3 % 320 }

  private func generate(_ ids: [Int32], _ arguments: [String]) async throws -> [String: Any] {
    let outcome = try await Command.run(
      "generate", ids: ids, ["-n", "6", "--temp", "0", "--ignore-eos", "--json"] + arguments)
    #expect(outcome.code == 0, "\(outcome.errors)")
    return try outcome.object()
  }

  @Test("the file is made, used by the same prompt and by a longer one, and the answers are those without it")
  func reuse() async throws {
    try await Fixtures.withFolder { folder in
      let file = folder.appendingPathComponent("prompt.cache")
      let flags = ["--prompt-cache", file.path]
      let first = try await generate(Self.text, flags)
      #expect(first["reused_tokens"] as? Int == 0)
      let again = try await generate(Self.text, flags)
      #expect(again["reused_tokens"] as? Int == 90 && again["prompt_tokens"] as? Int == 90)
      #expect(again["tokens"] as? [Int] == first["tokens"] as? [Int])
      let longer = Self.text + [5, 6, 7]
      let question = try await generate(longer, flags + ["--prompt-cache-ro"])
      #expect(question["reused_tokens"] as? Int == 90)
      #expect(question["tokens"] as? [Int] == (try await generate(longer, []))["tokens"] as? [Int])
      #expect(try await generate(Self.text, flags + ["--prompt-cache-ro"])["reused_tokens"] as? Int == 90)
      let other = Array(Self.text.prefix(40)) + [1, 1]
      #expect(try await generate(other, flags)["reused_tokens"] as? Int == 40)
    }
  }

  @Test("a cache that entries have left serves the prompt it was made for, and longer ones")
  func policy() async throws {
    try await Fixtures.withFolder { folder in
      let file = folder.appendingPathComponent("prompt.cache")
      let flags = ["--kv-policy", "h2o:budget=30", "--prompt-cache", file.path]
      let first = try await generate(Self.text, flags)
      let again = try await generate(Self.text, flags)
      #expect(again["reused_tokens"] as? Int == 90)
      #expect(again["tokens"] as? [Int] == first["tokens"] as? [Int])
      #expect(try await generate(Self.text + [4], flags + ["--prompt-cache-ro"])["reused_tokens"] as? Int == 90)
      #expect(try await generate(Array(Self.text.prefix(40)), flags)["reused_tokens"] as? Int == 0)
    }
  }

  @Test(
    "a file that is not there to be read only: 66; a damaged one, or one of another policy: 65; a flag without a file: 64"
  )
  func refusals() async throws {
    try await Fixtures.withFolder { folder in
      let file = folder.appendingPathComponent("prompt.cache")
      func refuse(_ arguments: [String], _ code: Int32, _ words: String) async throws {
        let outcome = try await Command.run("generate", ids: Self.text, ["-n", "1"] + arguments)
        #expect(outcome.code == code && outcome.output.isEmpty)
        #expect(outcome.errors.hasPrefix("kelvin: ") && outcome.errors.split(separator: "\n").count == 1)
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
      }
      try await refuse(["--prompt-cache-ro"], 64, "--prompt-cache-ro needs a file")
      try await refuse(["--prompt-cache", file.path, "--prompt-cache-ro"], 66, "prompt.cache: the file cannot be read")
      try await refuse(["--prompt-cache", folder.path + "/no/file"], 73, "/no/file: the cache cannot be saved")
      try await refuse(
        ["--prompt-cache", file.path, "--no-cache"], 64, "option 'no-cache': a cache file is not possible")
      _ = try await generate(Self.text, ["--prompt-cache", file.path])
      try await refuse(["--prompt-cache", file.path, "--kv-policy", "window"], 65, "made for another policy: 'full'")
      try await refuse(
        ["--prompt-cache", file.path, "-ctk", "f32"], 65, "made for another format of entries: f16, expected f32/f16")
      try await refuse(["--prompt-cache", file.path, "--kv-limit", "16KiB"], 71, "and may take 16384")
      var bytes = try Data(contentsOf: file)
      bytes[bytes.count / 2] ^= 4
      try bytes.write(to: file)
      try await refuse(["--prompt-cache", file.path], 65, "its checksum is wrong; make the file anew")
      try Data(bytes.prefix(1000)).write(to: file)
      try await refuse(["--prompt-cache", file.path], 65, "prompt.cache: the file ends inside")
    }
  }
}
