import ArgumentParser
import Foundation
import KelvinCache
import KelvinEngine

/// `kelvin bench`: prompt and step speeds at several depths.
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Times prompts and steps at several depths, as llama-bench does.",
    discussion: """
      Rows are named as llama-bench names them: pp512 reads a prompt of 512 tokens, tg64 makes 64 steps, @ d4096 begins with
      4096 tokens in the cache. Numbers may be lists: -d 0,4096.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case md, json, csv
  }

  @OptionGroup var model: ModelOptions
  @Option(name: [.short, .customLong("n-prompt")], help: "Prompt lengths, comma-separated; 0 for none.")
  var p = "512"
  @Option(name: [.short, .customLong("n-gen")], help: "Step counts, comma-separated; 0 for none.")
  var n = "128"
  @Option(
    name: [.short, .customLong("n-depth")],
    help: "Tokens in the cache before the clock starts, comma-separated.")
  var d = "0"
  @Option(name: .long, help: "Sequences that make their steps together, comma-separated.")
  var batch = "1"
  @Option(name: .shortAndLong, help: "Repetitions of each row.")
  var repetitions = 5
  @OptionGroup var cache: CacheFlags
  @Option(name: .shortAndLong, help: "md, json or csv.")
  var output = Format.md

  func run() async throws {
    try await reporting {
      let options = try cache.options(exact: model.exact)
      let cases = try benchCases()
      let engine = try await model.load(cache)
      let cancellation = Cancellation()
      let interruption = Interruption { cancellation.cancel() }
      defer { withExtendedLifetime(interruption) {} }
      var rows: [Row] = []
      for bench in cases where !cancellation.isCancelled {
        let result = try await engine.bench(bench, repetitions: repetitions, options: options) { repetition in
          if Terminal.showsProgress { Terminal.error("\r\u{1B}[K\(bench.name), run \(repetition + 1)") }
          return !cancellation.isCancelled
        }
        rows.append(Row(result, model: engine.loaded.name, threads: engine.threads, kernels: engine.kernels))
      }
      Terminal.progress("", 1)
      try print(rows)
      if cancellation.isCancelled { throw SystemExit.interrupted }
    }
  }

  private func benchCases() throws -> [BenchCase] {
    var cases: [BenchCase] = []
    for depth in try counts(d, "n-depth") {
      cases += try counts(p, "n-prompt").filter { $0 > 0 }.map { BenchCase(prompt: $0, generated: 0, depth: depth) }
      let batches = try counts(batch, "batch")
      cases += try counts(n, "n-gen").filter { $0 > 0 }.flatMap { steps in
        batches.map { BenchCase(prompt: 0, generated: steps, depth: depth, batch: $0) }
      }
    }
    return cases
  }

  private func counts(_ text: String, _ option: String) throws -> [Int] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let count = Int(part), count >= 0, count <= 1 << 24 else {
        throw EngineError.invalidOption(option: option, found: text, expected: "counts like 512 or 0,4096")
      }
      return count
    }
  }

  private func print(_ rows: [Row]) throws {
    switch output {
    case .json: try Output.json(rows)
    case .csv:
      Terminal.write(
        "test,n_prompt,n_gen,n_depth,n_batch,n_threads,avg_ts,stddev_ts,median_ts,kv_bytes,kv_bytes_full\n")
      for row in rows {
        Terminal.write(
          "\(row.test),\(row.nPrompt),\(row.nGen),\(row.nDepth),\(row.nBatch),\(row.nThreads),\(row.averageSpeed),\(row.deviation),"
            + "\(row.medianSpeed),\(row.kv.bytes),\(row.kv.bytesFull)\n")
      }
    case .md:
      Terminal.write("| model | kernels | threads | policy | test | tokens/s | median | cache |\n")
      Terminal.write("|---|---|---:|---|---|---:|---:|---:|\n")
      for row in rows {
        Terminal.write(
          "| \(row.model) | \(row.kernels) | \(row.nThreads) | \(row.kv.policy) | \(row.test) | "
            + "\(Output.number(row.averageSpeed)) ± \(Output.number(row.deviation)) | \(Output.number(row.medianSpeed)) | "
            + "\(Output.bytes(row.kv.bytes)) of \(Output.bytes(row.kv.bytesFull)) |\n")
      }
    }
  }
}

extension Bench {
  /// One row, with llama-bench's keys.
  struct Row: Encodable {
    var test, model, kernels: String
    var nPrompt, nGen, nDepth, nBatch, nThreads: Int
    var averageSpeed, deviation, medianSpeed: Double
    var kv: CacheReport

    init(_ result: BenchResult, model: String, threads: Int, kernels: String) {
      self.model = model
      self.kernels = kernels
      test = result.bench.name
      nPrompt = result.bench.prompt
      nGen = result.bench.generated
      nDepth = result.bench.depth
      nBatch = result.bench.batch
      nThreads = threads
      averageSpeed = result.mean
      deviation = result.deviation
      medianSpeed = result.median
      kv = result.kv
    }

    enum CodingKeys: String, CodingKey {
      case test, model, kernels, kv
      case nPrompt = "n_prompt"
      case nGen = "n_gen"
      case nDepth = "n_depth"
      case nBatch = "n_batch"
      case nThreads = "n_threads"
      case averageSpeed = "avg_ts"
      case deviation = "stddev_ts"
      case medianSpeed = "median_ts"
    }
  }
}
