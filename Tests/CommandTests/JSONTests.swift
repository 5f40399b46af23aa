import Foundation
import TestSupport
import Testing

@Suite(
  "The command line writes JSON with the keys that it promised",
  .enabled(if: Command.tool != nil, "kelvin is not built beside the tests"))
struct JSONTests {
  static let cacheKeys: Set<String> = [
    "policy", "budget", "format", "bits_per_number", "seen", "kept", "evicted", "bytes", "shared_bytes", "bytes_full",
    "bytes_states", "heads", "pages",
  ]

  /// Checks the keys of a cache report.
  private func check(cache: Any?) throws {
    let kv = try #require(cache as? [String: Any])
    #expect(Set(kv.keys) == Self.cacheKeys)
    let heads = try #require(kv["heads"] as? [String: Any])
    #expect(Set(heads.keys) == ["min", "mean", "max"])
  }

  @Test("generate --json: text, tokens, times, speeds, the reason of the end, and the cache")
  func generate() async throws {
    let outcome = try await Command.run("generate", ids: [1, 45, 229], ["-n", "4", "--temp", "0", "--json"])
    #expect(outcome.code == 0 && outcome.errors.isEmpty)
    let object = try outcome.object()
    #expect(
      Set(object.keys) == [
        "text", "tokens", "prompt_tokens", "reused_tokens", "generated_tokens", "prefill_seconds", "decode_seconds",
        "prefill_tokens_per_second", "decode_tokens_per_second", "stop_reason", "kv",
      ])
    #expect(object["prompt_tokens"] as? Int == 3)
    #expect(object["generated_tokens"] as? Int == 4)
    #expect((object["tokens"] as? [Int])?.count == 4)
    #expect(object["stop_reason"] as? String == "length")
    try check(cache: object["kv"])
  }

  @Test("a budget that was not written is null, a written one is text")
  func budget() async throws {
    func budget(_ arguments: [String]) async throws -> Any? {
      let outcome = try await Command.run("generate", ids: [1, 2], ["-n", "1", "--temp", "0", "--json"] + arguments)
      return try #require(try outcome.object()["kv"] as? [String: Any])["budget"]
    }
    #expect(try await budget([]) is NSNull)
    #expect(try await budget(["--kv-policy", "h2o", "--kv-budget", "20%"]) as? String == "20%")
  }

  @Test("the greedy tokens in 32-bit floats are those of transformers, and the same without a cache")
  func golden() async throws {
    struct Golden: Decodable {
      struct Greedy: Decodable { var new_tokens: [Int] }
      var tokens: [Int32]
      var greedy: Greedy
    }
    let golden = try Fixtures.json("llama-gqa/golden.json", as: Golden.self)
    let count = golden.greedy.new_tokens.count
    for flags in [[], ["--no-cache"]] {
      let outcome = try await Command.run(
        "generate", ids: golden.tokens, ["-n", "\(count)", "--temp", "0", "--exact", "--json"] + flags)
      let object = try outcome.object()
      #expect(object["tokens"] as? [Int] == golden.greedy.new_tokens)
      let kv = try #require(object["kv"] as? [String: Any])
      #expect(kv["kept"] as? Int == (flags.isEmpty ? golden.tokens.count + count - 1 : 0))
      #expect(kv["policy"] as? String == (flags.isEmpty ? "full" : "none"))
    }
  }

  @Test("score --json and --dump-kept: likelihoods, and the positions that stayed by layer and head")
  func score() async throws {
    try await Fixtures.withFolder { folder in
      let kept = folder.appendingPathComponent("kept.json")
      let outcome = try await Command.run(
        "score", ids: [1, 9, 8, 7, 6, 5, 4, 3],
        ["--prefill", "4", "--kv-policy", "window:budget=3", "--json", "--dump-kept", kept.path])
      #expect(outcome.code == 0)
      let object = try outcome.object()
      #expect(Set(object.keys) == ["nll", "mean_nll", "perplexity", "kv"])
      #expect((object["nll"] as? [Double])?.count == 4)
      try check(cache: object["kv"])
      let positions = try JSONDecoder().decode([[[Int]]].self, from: Data(contentsOf: kept))
      // The last token is scored and never read.
      #expect(positions == Array(repeating: Array(repeating: [4, 5, 6], count: 2), count: 3))
    }
  }

  @Test("bench -o json: one object per row, with llama-bench's keys")
  func bench() async throws {
    let outcome = try await Command.run([
      "bench", "-m", Command.model, "-t", "1", "-p", "8", "-n", "2", "-d", "0,4", "-r", "2", "-o", "json",
    ])
    #expect(outcome.code == 0)
    let rows = try #require(JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]])
    #expect(rows.map { $0["test"] as? String } == ["pp8", "tg2", "pp8 @ d4", "tg2 @ d4"])
    for row in rows {
      #expect(
        Set(row.keys) == [
          "test", "model", "kernels", "n_prompt", "n_gen", "n_depth", "n_batch", "n_threads", "avg_ts", "stddev_ts",
          "median_ts",
          "kv",
        ])
      try check(cache: row["kv"])
    }
  }

  @Test("a bench of caches that take turns has a row for each, with its ratio to the first")
  func benchInTurn() async throws {
    let arguments = [
      "bench", "-m", Command.model, "-t", "1", "-p", "0", "-n", "2", "-d", "4", "-r", "2", "--beside",
      "window:budget=3",
    ]
    let json = try await Command.run(arguments + ["-o", "json"])
    let rows = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
    #expect(rows.compactMap { ($0["kv"] as? [String: Any])?["policy"] as? String } == ["full", "window:budget=3"])
    #expect(rows[0]["ratio"] as? Double == 1 && (rows[1]["ratio"] as? Double ?? 0) > 0)
    #expect(rows[1]["ratio_error"] is Double)
    let csv = try await Command.run(arguments + ["-o", "csv"])
    #expect(csv.output.hasPrefix("test,") && csv.output.contains(",kv_bytes_full,policy,ratio,ratio_error\n"))
    let table = try await Command.run(arguments)
    #expect(table.output.contains("of the first") && table.output.contains("100 ± 0.00 %"))
    let both = try await Command.run(arguments + ["--roofline"])
    #expect(both.code == 64 && both.errors.contains("--roofline"))
    let unknown = try await Command.run(arguments + ["--beside", "nobody"])
    #expect(unknown.code == 64 && unknown.errors.contains("nobody"))
  }

  @Test("inspect --json: windows, shared stores, merging and states, where a model has them")
  func inspect() async throws {
    func inspect(
      _ folder: String
    ) async throws -> (stores: [[String: Any]], states: [String: Any]?, notes: [[String: Any]]) {
      let outcome = try await Command.run(["inspect", "-m", Fixtures.path(folder), "--json"])
      #expect(outcome.code == 0)
      let object = try outcome.object()
      return (
        try #require(object["stores"] as? [[String: Any]]), object["states"] as? [String: Any],
        try #require(object["notes"] as? [[String: Any]])
      )
    }
    let plain = try await inspect("llama-gqa")
    #expect(
      plain.stores.map { Set($0.keys) } == [["count", "layers", "heads", "key_width", "value_width", "rotary_width"]])
    #expect(plain.states == nil)
    let window = try await inspect("yoco-swa")
    #expect(window.stores.map { $0["count"] as? Int } == [2, 1])
    #expect(window.stores.map { $0["layers"] as? Int } == [2, 2])
    #expect(window.stores.map { $0["window"] as? Int } == [8, nil])
    #expect(window.notes.first?["option"] as? String == "budget" && window.notes.first?["stores"] as? Int == 2)
    #expect(
      window.notes.map { Set($0.keys) }.allSatisfy { $0 == ["policies", "option", "effect", "stores", "reason"] })
    let retention = try await inspect("yoco-gret")
    #expect(retention.states?["count"] as? Int == 2)
    #expect(retention.states?["bytes"] as? Int == 16384)
    #expect(try await inspect("dmc-llama").stores[0]["merged_tokens"] as? Int == 12)
  }

  @Test(
    "plan says where its bytes are a bound, because entries are merged",
    arguments: [("dmc-llama", true), ("llama-gqa", false)])
  func bound(_ folder: String, _ isBound: Bool) async throws {
    let outcome = try await Command.run(["plan", Fixtures.path(folder), "--json"])
    let cache = try #require(outcome.object()["cache"] as? [String: Any])
    #expect(cache["is_bound"] as? Bool == isBound)
    let text = try await Command.run(["plan", Fixtures.path(folder)])
    #expect(text.output.contains("at most: entries are merged") == isBound)
  }

  @Test(
    "plan says where what a policy keeps is a bound, because heads share",
    arguments: [("h2o:heads=adaptive", true), ("h2o", false)])
  func shared(_ policy: String, _ isBound: Bool) async throws {
    let arguments = ["plan", Command.model, "--tokens", "200", "--kv-policy", policy]
    let kept = try #require(try await Command.run(arguments + ["--json"]).object()["policy"] as? [String: Any])
    #expect(Set(kept.keys) == ["policy", "kept", "bytes", "is_bound", "peak_bytes"])
    #expect(kept["is_bound"] as? Bool == isBound)
    #expect(try await Command.run(arguments).output.contains("at most: how heads share entries") == isBound)
  }

  @Test(
    "plan -n counts what is generated as a generation does",
    arguments: ["full", "h2o", "snapkv", "h2o:when=prefill", "h2o:when=decode", "tova:every=16"])
  func generated(_ policy: String) async throws {
    let flags = ["-n", "70", "--kv-policy", policy, "--json"]
    let ids = (0..<150).map { Int32($0 * 7 % 320) }
    let generated = try await Command.run("generate", ids: ids, ["--temp", "0", "--ignore-eos"] + flags).object()
    let kv = try #require(generated["kv"] as? [String: Any])
    let plan = try await Command.run(["plan", Command.model, "--tokens", "150"] + flags).object()
    #expect(plan["tokens"] as? Int == 150 && plan["generated_tokens"] as? Int == 70)
    let planned = plan["policy"] as? [String: Any] ?? ["bytes": (plan["cache"] as? [String: Any])?["page_bytes"] ?? 0]
    #expect(planned["bytes"] as? Int == kv["bytes"] as? Int && kv["seen"] as? Int == 219)
    let words = try await Command.run(["plan", Command.model, "--tokens", "150"] + flags.dropLast())
    #expect(words.output.contains("150 tokens and 70 generated × 1 sequence\n"))
    let none = try await Command.run(["plan", Command.model, "-n", "-1"])
    #expect(none.code == 64 && none.errors.contains("option 'predict': -1 is not possible, expected 0 to"))
  }

  @Test("plan counts learned sinks, which begin a page of their own", arguments: [63, 64])
  func leading(_ tokens: Int) async throws {
    let model = Fixtures.path("sink-learned")
    let ids = (0..<tokens).map { Int32($0 * 7 % 320) }
    let generated = try await Command.run("generate", model: model, ids: ids, ["-n", "1", "--json"]).object()
    let kv = try #require(generated["kv"] as? [String: Any])
    let plan = try await Command.run(["plan", model, "--tokens", "\(tokens)", "--json"]).object()
    #expect(plan["leading_tokens"] as? Int == 1 && plan["tokens"] as? Int == tokens)
    #expect((plan["cache"] as? [String: Any])?["page_bytes"] as? Int == kv["bytes"] as? Int)
  }

  @Test("bench --roofline: every row with the machine's limits and its share of them, also as csv")
  func roofline() async throws {
    let arguments = ["bench", "-m", Command.model, "-t", "1", "-p", "8", "-n", "2", "-r", "2", "--roofline", "-o"]
    let outcome = try await Command.run(arguments + ["json"])
    let rows = try #require(JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]])
    #expect(rows.count == 2)
    for row in rows {
      #expect(["memory", "arithmetic"].contains(row["bound_by"] as? String))
      let share = try #require(row["share_of_limit"] as? Double)
      #expect(share > 0 && row["stddev_share"] as? Double ?? -1 >= 0)
      let runs = try #require(row["runs"] as? [[String: Any]])
      #expect(runs.count == 2)
      for (key, mean) in [("share_of_limit", share), ("ts", row["avg_ts"] as? Double ?? 0)] {
        let values = runs.compactMap { $0[key] as? Double }
        // Reading decimals may be wrong in the last digit.
        #expect(values.count == 2 && abs(values.reduce(0, +) / 2 / mean - 1) < 1e-12)
      }
      for limits in [row["limits"]] + runs.flatMap({ [$0["limits_before"], $0["limits_after"]] }) {
        let limits = try #require(limits as? [String: Any])
        #expect(
          Set(limits.keys).subtracting(["bf16_gflops"]) == ["threads", "memory_read_gbs", "int8_gops", "f32_gflops"])
      }
      let products = try #require(row["products"] as? [[String: Any]])
      #expect(products.map { $0["size"] as? Int } == [1024, 1024, 1056, 1056])
      #expect(products.map { $0["format"] as? String } == ["f32", "bf16", "f32", "bf16"])
      #expect(products.allSatisfy { $0["gflops"] as? Double ?? 0 > 0 })
    }
    let lines = try await Command.run(arguments + ["csv"]).output.split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[0].hasSuffix(",share_of_limit,bound_by,memory_read_gbs,int8_gops,f32_gflops,bf16_gflops"))
    #expect(Set(lines.map { $0.split(separator: ",", omittingEmptySubsequences: false).count }).count == 1)
  }
}
