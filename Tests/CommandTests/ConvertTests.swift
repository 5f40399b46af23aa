import Foundation
import TestSupport
import Testing

@Suite("kelvin convert", .enabled(if: Command.tool != nil, "kelvin is not built beside the tests"))
struct ConvertTests {
  static let gguf = Fixtures.path("gguf-llama256/tiny256-F16.gguf")
  static let damaged = Fixtures.tests.appendingPathComponent("KelvinCheckpointsTests/Fixtures/malformed")

  private func entries(of folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  /// Eight greedy tokens in 32-bit floats.
  private func tokens(_ model: String) async throws -> [Int] {
    try await Fixtures.withFolder { folder in
      let file = folder.appendingPathComponent("ids.json")
      try Data("[5, 6, 7, 8]".utf8).write(to: file)
      let outcome = try await Command.run([
        "generate", "-m", model, "-t", "1", "--exact", "--tokens", file.path, "-n", "8", "--temp", "0", "--ignore-eos",
        "--json",
      ])
      return try #require(try outcome.object()["tokens"] as? [Int])
    }
  }

  @Test("a folder becomes a GGUF file and a folder again, and both generate what the original does")
  func roundTrip() async throws {
    try await Fixtures.withFolder { folder in
      let (gguf, back) = (folder.appendingPathComponent("x.gguf").path, folder.appendingPathComponent("back").path)
      let there = try await Command.run(["convert", Command.model, gguf, "--json"])
      let object = try there.object()
      #expect(there.code == 0 && there.errors.isEmpty)
      #expect(
        Set(object.keys) == [
          "tensors", "weights", "bytes_before", "bytes_after", "bits_per_weight", "formats", "notes",
        ])
      #expect(object["bytes_before"] as? Int == object["bytes_after"] as? Int)
      #expect(object["bits_per_weight"] as? Double == 32)
      let again = try await Command.run(["convert", gguf, back])
      #expect(again.output.hasPrefix("\(back): 29 tensors (29 f32), "))
      let expected = try await tokens(Command.model)
      #expect(expected.count == 8)
      #expect(try await tokens(gguf) == expected)
      #expect(try await tokens(back) == expected)
      #expect(try entries(of: folder) == ["back", "x.gguf"])
    }
  }

  @Test("every type is written and runs", arguments: ["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q4_k", "q6_k"])
  func types(_ type: String) async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("x.gguf").path
      #expect(try await Command.run(["convert", Self.gguf, path, "--type", type]).code == 0)
      #expect(try await tokens(path).count == 8)
      let inspected = try await Command.run(["inspect", "-m", path])
      #expect(inspected.output.lowercased().contains("  \(type) "))
    }
  }

  @Test("fewer KV heads")
  func heads() async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("mqa").path
      let outcome = try await Command.run(["convert", Command.model, path, "--kv-heads", "1"])
      let inspected = try await Command.run(["inspect", "-m", path])
      #expect(outcome.code == 0)
      #expect(inspected.output.contains("3 stores of 1 KV head"))
    }
  }

  @Test("KV heads layer by layer, in a folder and in a GGUF file", arguments: ["mixed", "mixed.gguf"])
  func headsByLayer(_ name: String) async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent(name).path
      #expect(try await Command.run(["convert", Command.model, path, "--kv-heads", "2,1,1"]).code == 0)
      let inspected = try await Command.run(["inspect", "-m", path])
      #expect(inspected.output.contains("1 store of 2 KV heads") && inspected.output.contains("2 stores of 1 KV head"))
      let plan = try await Command.run(["plan", path, "--tokens", "64", "--json"])
      let cache = try #require(try plan.object()["cache"] as? [String: Any])
      #expect(cache["formula"] as? String == "2 · (Σ stores H) · D · tokens · batch · bytes")
      #expect(cache["numbers"] as? String == "2 · (2 + 2 · 1) · 16 · 64 · 1 · 2")
      #expect(cache["bytes"] as? Int == 2 * 4 * 16 * 64 * 2 && cache["page_bytes"] as? Int == 2 * 4 * 16 * 64 * 2)
      if !name.hasSuffix("gguf") {
        let alone = try await Command.run(["plan", "--config", path + "/config.json", "--tokens", "64", "--json"])
        #expect(try #require(try alone.object()["cache"] as? [String: Any]) as NSDictionary == cache as NSDictionary)
      }
      let other = folder.appendingPathComponent(name.hasSuffix("gguf") ? "other" : "other.gguf").path
      #expect(try await Command.run(["convert", path, other]).code == 0)
      #expect(try await tokens(path) == tokens(other))
    }
  }

  @Test(
    "a list of KV heads that does not fit is refused",
    arguments: [
      ("2,1", 64, "a list of 2 is not possible, expected one number, or a list of 3, one for each layer"),
      ("0", 64, "0 is not possible, expected a divisor of its 2 KV heads: 1, 2"),
      ("2,0,1", 64, "0 in layer 1 is not possible, expected a divisor of its 2 KV heads: 1, 2"),
      ("2,1,x", 64, "'x' in layer 2 is not possible, expected whole numbers like 1 or 8,4,4,1"),
      ("1.5", 64, "'1.5' is not possible, expected whole numbers like 1 or 8,4,4,1"),
      ("2,,1", 64, "'' in layer 1 is not possible"),
    ])
  func headsRefused(_ heads: String, _ code: Int32, _ message: String) async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("x").path
      let outcome = try await Command.run(["convert", Command.model, path, "--kv-heads", heads])
      #expect(outcome.code == code && outcome.errors.contains("option 'kv-heads': " + message), "\(outcome.errors)")
      #expect(try entries(of: folder) == [])
    }
  }

  @Test(
    "a damaged source leaves nothing behind: 65",
    arguments: ["gguf/data-half.gguf", "hf/config-cut", "gguf/bad-magic.gguf"])
  func damaged(_ name: String) async throws {
    try await Fixtures.withFolder { folder in
      let source = Self.damaged.appendingPathComponent(name)
      let outcome = try await Command.run(["convert", source.path, folder.appendingPathComponent("x.gguf").path])
      #expect(outcome.code == 65)
      #expect(outcome.errors.hasPrefix("kelvin: \(source.lastPathComponent)") && outcome.output.isEmpty)
      #expect(try entries(of: folder) == [])
    }
  }

  @Test("a full disk leaves nothing behind: 73", arguments: ["x.gguf", "x"])
  func fullDisk(_ name: String) async throws {
    try await Fixtures.withFolder { folder in
      let outcome = try await Command.run(
        ["convert", Self.gguf, folder.appendingPathComponent(name).path], largestFile: 64)
      #expect(outcome.code == 73)
      #expect(outcome.errors.hasPrefix("kelvin: x") && outcome.errors.contains("cannot be written: "))
      #expect(try entries(of: folder) == [])
    }
  }

  @Test("what is there stays, and what cannot be asked for is refused")
  func refused() async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("x.gguf")
      try Data("precious".utf8).write(to: path)
      let existing = try await Command.run(["convert", Self.gguf, path.path])
      #expect(existing.code == 73)
      #expect(
        existing.errors
          == "kelvin: x.gguf: it exists already, and nothing is overwritten; choose another name, or remove it first.\n"
      )
      #expect(try Data(contentsOf: path) == Data("precious".utf8))
      let other = folder.appendingPathComponent("folder").path
      let type = try await Command.run(["convert", Self.gguf, other, "--type", "q4_0"])
      #expect(
        type.code == 64 && type.errors.contains("q4_0 is not possible, expected f32, f16 or bf16 for safetensors"))
      let heads = try await Command.run(["convert", Command.model, other, "--kv-heads", "5"])
      #expect(
        heads.code == 64 && heads.errors.contains("5 is not possible, expected a divisor of its 2 KV heads: 1, 2"))
      #expect(try await Command.run(["convert", Self.gguf, other + ".safetensors"]).code == 64)
      #expect(try await Command.run(["convert", "nowhere.gguf", other]).code == 66)
      #expect(try entries(of: folder) == ["x.gguf"])
    }
  }

  /// A text of 600 tokens of the GGUF file's tokenizer, which knows little but bytes.
  private func text(in folder: URL) throws -> String {
    let file = folder.appendingPathComponent("text.txt")
    try Data((0..<60).map { "the cat \($0)\n" }.joined().utf8).write(to: file)
    return file.path
  }

  @Test("latent attention, with the predictions before and after", arguments: ["latent", "latent.gguf"])
  func latent(_ name: String) async throws {
    try await Fixtures.withFolder { folder in
      let text = try text(in: folder)
      let path = folder.appendingPathComponent(name).path
      let command = ["convert", Self.gguf, path, "--mla", "24", "--mla-rope", "8", "--calibrate", text]
      let outcome = try await Command.run(command + ["--json"])
      #expect(outcome.code == 0 && outcome.errors.isEmpty)
      let report = try #require(try outcome.object()["latent"] as? [String: Any])
      #expect(report["numbers_before"] as? Int == 64 && report["numbers_after"] as? Int == 32)
      #expect(report["bytes_per_token_after"] as? Int == 64)
      let (measured, predicted) = (report["calibration_tokens"] as? Int, report["evaluation_tokens"] as? Int)
      #expect(try #require(measured) > 2 * #require(predicted))
      #expect(try #require(report["perplexity_before"] as? Double) > 1)
      #expect(try #require(report["perplexity_after"] as? Double) > 1)
      #expect(try await tokens(path).count == 8)
      let plan = try await Command.run(["plan", path, "--tokens", "64"])
      #expect(plan.output.contains("= 1 · 32 · 64 · 1 · 2 = 4096 B") || plan.output.contains("4 096 B"))
      let inspected = try await Command.run(["inspect", "-m", path])
      #expect(inspected.output.contains("entries       1 store of 1 KV head, keys of 32, values of 24\n"))
      #expect(inspected.output.contains("tokenizer     SentencePiece, 320 tokens"))
    }
  }

  @Test("the report in words says what the cache takes, and that something is lost")
  func latentWords() async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("latent").path
      let outcome = try await Command.run(["convert", Command.model, path, "--mla", "20", "--mla-by", "weights"])
      #expect(outcome.code == 0 && outcome.errors.isEmpty)
      #expect(
        outcome.output.contains(
          "cache       64 numbers per token and layer before, 36 after (20 of a latent, 16 turned); "
            + "384 B per token before, 216 B after, f16\nperplexity  not measured"))
      #expect(outcome.output.contains("loses much"))
    }
  }

  @Test("latents that cannot be made are refused, and leave nothing behind")
  func latentRefused() async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("x").path
      func run(_ model: String, _ options: String...) async throws -> Command.Outcome {
        try await Command.run(["convert", model, path] + options)
      }
      let text = try await run(Command.model, "--mla", "20")
      #expect(text.code == 64 && text.errors.contains("expected --calibrate FILE to measure them on"))
      let wide = try await run(Command.model, "--mla", "49", "--mla-by", "weights")
      #expect(wide.code == 64 && wide.errors.contains("option 'mla': 49 is not possible, expected 1 to 48"))
      let odd = try await run(Command.model, "--mla", "8", "--mla-rope", "3", "--mla-by", "weights")
      #expect(odd.code == 64 && odd.errors.contains("option 'mla-rope': 3 is not possible, expected an even number"))
      let pooled = try await run(Command.model, "--pool", "first")
      #expect(pooled.code == 64 && pooled.errors.contains("option 'pool': first without --kv-heads"))
      let seeded = try await run(Command.model, "--kv-heads", "1", "--seed", "3")
      #expect(seeded.code == 64 && seeded.errors.contains("option 'seed': 3 without --pool random"))
      let alone = try await run(Command.model, "--mla-rope", "4")
      #expect(alone.code == 64 && alone.errors.contains("option 'mla-rope': 4 without --mla"))
      let other = try await run(Fixtures.path("qwen2"), "--mla", "8", "--mla-by", "weights")
      #expect(other.code == 65 && other.errors.contains("the architecture is 'qwen2', supported: llama"))
      let missing = try await run(Self.gguf, "--mla", "8", "--calibrate", path + ".txt")
      #expect(missing.code == 66)
      let tokenizer = try await run(Command.model, "--mla", "8", "--calibrate", path + ".txt")
      #expect(tokenizer.code == 65 && tokenizer.errors.contains("has no tokenizer"))
      #expect(try entries(of: folder) == [])
    }
  }
}
