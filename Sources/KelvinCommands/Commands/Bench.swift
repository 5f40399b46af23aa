import ArgumentParser
import Foundation
import KelvinEngine
import KelvinTensors

/// `kelvin bench`: prompt and step speeds at several depths.
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Times prompts and steps at several depths, as llama-bench does.",
    discussion: """
      Rows are named as llama-bench names them: pp512 reads a prompt of 512 tokens, tg64 makes 64 steps, @ d4096 begins with
      4096 tokens in the cache. Numbers may be lists: -d 0,4096.

      With --roofline the machine's own limits are measured first, and again before and after each repetition. Every row says
      what share of those around it a repetition reaches, the middle one: of the bandwidth, where reading the weights and
      entries takes longer at least, or of the rate of products. Products of square matrices in f32 and bf16 are timed first.
      """)

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
  @Flag(help: "Measure the machine's limits too, and say what share of them each row reaches.")
  var roofline = false
  @OptionGroup var cache: CacheFlags
  @Option(help: "Another policy, NAME[:key=value,...], whose steps take turns with these; may be given again.")
  var beside: [String] = []
  @Option(name: .shortAndLong, help: "md, json or csv.")
  var output = BenchTable.Format.md

  func run() async throws {
    try await reporting {
      let options = try cache.options(exact: model.exact)
      let others = try beside.map { try cache.options(exact: model.exact, policy: $0) }
      guard others.isEmpty || !roofline else {
        throw EngineError.invalidOption(
          option: "beside", found: "--roofline too",
          expected: "one of the two: ratios do not need the machine's limits")
      }
      let cases = try benchCases()
      let engine = try await model.load(cache)
      let cancellation = Cancellation()
      let interruption = Interruption { cancellation.cancel() }
      defer { withExtendedLifetime(interruption) {} }
      let gauge = roofline ? await engine.makeLimitGauge() : nil
      let products = roofline ? await engine.measureProducts() : nil
      var rows: [BenchRow] = []
      for bench in cases where !cancellation.isCancelled {
        let progress: @Sendable (Int) -> Bool = { repetition in
          if Terminal.showsProgress { Terminal.error("\r\u{1B}[K\(bench.name), run \(repetition + 1)") }
          return !cancellation.isCancelled
        }
        let results =
          others.isEmpty
          ? [
            try await engine.bench(
              bench, repetitions: repetitions, options: options, gauge: gauge, progress: progress)
          ]
          : try await engine.bench(
            bench, repetitions: repetitions, inTurn: [options] + others, progress: progress)
        rows += results.map { BenchRow($0, limits: gauge?.best, products: products, engine: engine) }
      }
      Terminal.progress("", 1)
      try BenchTable(rows: rows, limits: gauge?.best, products: products ?? []).write(as: output)
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
}
