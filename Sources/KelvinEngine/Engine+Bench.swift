import Foundation
public import KelvinCache
import KelvinModels
public import KelvinTensors

/// What is timed: reading a prompt, or steps after a depth.
public struct BenchCase: Sendable, Hashable {
  /// Prompt tokens; 0 times steps.
  public var prompt: Int
  /// Steps; 0 times a prompt.
  public var generated: Int
  /// Tokens that are in the cache before the clock starts.
  public var depth: Int
  /// Sequences that make their steps together.
  public var batch: Int

  /// A case of `prompt` tokens or `generated` steps after `depth` tokens, in each of `batch` sequences.
  public init(prompt: Int, generated: Int, depth: Int, batch: Int = 1) {
    self.prompt = prompt
    self.generated = generated
    self.depth = depth
    self.batch = batch
  }

  /// As llama-bench names it: `pp512`, `tg64 @ d4096`; `tg64 x 8` for a batch.
  public var name: String {
    (prompt > 0 ? "pp\(prompt)" : "tg\(generated)") + (depth > 0 ? " @ d\(depth)" : "")
      + (batch > 1 ? " x \(batch)" : "")
  }
}

/// Speeds of one case, one per repetition.
public struct BenchResult: Sendable, Hashable {
  /// What was timed.
  public var bench: BenchCase
  /// Tokens per second, of all sequences together.
  public var speeds: [Double]
  /// What the machine could do around each repetition; empty: not measured.
  public var limits: [LimitPair]
  /// What the cache kept when the clock stopped.
  public var kv: CacheReport
  /// What the timed passes of one repetition must read and compute; `nil` without a cache.
  public var demand: PassDemand?

  /// The mean speed.
  public var mean: Double { speeds.reduce(0, +) / Double(max(1, speeds.count)) }
  /// The middle speed.
  public var median: Double {
    let sorted = speeds.sorted()
    guard !sorted.isEmpty else { return 0 }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
  /// The standard deviation of the speeds.
  public var deviation: Double { Self.deviation(speeds) }
  /// The standard deviation of the shares.
  public var shareDeviation: Double { Self.deviation(shares.map(\.share)) }

  private static func deviation(_ values: [Double]) -> Double {
    guard values.count > 1 else { return 0 }
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }

  /// How near the speed of each repetition comes to what the machine could do around it; empty: not measured.
  public var shares: [LimitShare] {
    guard let demand else { return [] }
    return zip(speeds, limits.map(\.mean)).map { speed, limits in
      let seconds = Double((bench.prompt + bench.generated) * bench.batch) / speed
      let memory = demand.memorySeconds(within: limits)
      let arithmetic = demand.arithmeticSeconds(within: limits)
      return LimitShare(share: max(memory, arithmetic) / seconds, bound: memory > arithmetic ? .memory : .arithmetic)
    }
  }

  /// The middle share, of the limit that the upper of the middle ones has.
  public var share: LimitShare? {
    let sorted = shares.sorted { $0.share < $1.share }
    guard !sorted.isEmpty else { return nil }
    let (lower, upper) = (sorted[(sorted.count - 1) / 2], sorted[sorted.count / 2])
    return LimitShare(share: (lower.share + upper.share) / 2, bound: upper.bound)
  }
}

extension Engine {
  /// Times one case.
  ///
  /// The first repetition comes after a warm-up; the tokens are the same in every run. What is in the cache before is read
  /// again only where the cache cannot go back to it. With a gauge the machine is measured directly before and after each
  /// repetition. `progress` is called before each; returning `false` ends with the ones done.
  public func bench(
    _ bench: BenchCase, repetitions: Int, options: CacheOptions, gauge: LimitGauge? = nil,
    progress: @Sendable (Int) -> Bool = { _ in true }
  ) throws(EngineError) -> BenchResult {
    let total = bench.depth + bench.prompt + bench.generated
    guard bench.prompt >= 0, bench.generated >= 0, bench.depth >= 0, bench.batch > 0, total > 0, repetitions > 0 else {
      throw .invalidOption(option: "bench", found: bench.name, expected: "positive counts")
    }
    var random = RandomNumbers(seed: 42)
    let tokens = (0..<total).map { _ in Int32(random.nextUnit() * Float(loaded.model.vocabulary)) }
    var speeds: [Double] = []
    var limits: [LimitPair] = []
    let sequences = try makeSequences(bench, options: options, tokens: tokens)
    var ends: (report: CacheReport, before: [[Int]], after: [[Int]])?
    for repetition in 0..<repetitions {
      guard progress(repetition) else { break }
      for sequence in sequences { try sequence.goBack(to: tokens[..<bench.depth]) }
      if bench.depth == 0, repetition == 0 {
        let warmUp = try ActiveSequence(loaded, options: options, processor: processor)
        _ = try warmUp.read(prompt: Array(tokens.prefix(max(16, min(bench.prompt, 64)))))
      }
      let before = sequences[0].entryCounts
      let limitsBefore = gauge?.measure()
      let seconds = try time(bench, sequences, tokens)
      if let limitsBefore, let gauge { limits.append(LimitPair(before: limitsBefore, after: gauge.measure())) }
      speeds.append(Double((bench.prompt + bench.generated) * bench.batch) / seconds)
      ends = (sequences[0].report, before, sequences[0].entryCounts)
    }
    guard let ends else { throw .invalidOption(option: "repetitions", found: "none done", expected: "at least one") }
    let counter = DemandCounter(
      model: loaded.model, cost: loaded.cost, formats: options.formats,
      rounds: Kernels.Variant(rawValue: kernels)?.roundsToHalves ?? false)
    let demand =
      bench.prompt > 0
      ? counter.prompt(bench.prompt, chunk: options.chunk, batch: bench.batch, before: ends.before)
      : counter.steps(bench.generated, batch: bench.batch, before: ends.before, after: ends.after)
    return BenchResult(
      bench: bench, speeds: speeds, limits: limits, kv: ends.report, demand: options.isCached ? demand : nil)
  }

  /// The seconds that the passes of a case take.
  private func time(
    _ bench: BenchCase, _ sequences: [ActiveSequence], _ tokens: [Int32]
  ) throws(EngineError) -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    if bench.prompt > 0 {
      let prompt = Array(tokens[bench.depth..<bench.depth + bench.prompt])
      for sequence in sequences { _ = try sequence.read(prompt: prompt) }
    } else if let only = sequences.first, sequences.count == 1 {
      for token in tokens[bench.depth...] { _ = try only.read(token) }
    } else {
      for token in tokens[bench.depth...] {
        _ = try ActiveSequence.step(sequences, Array(repeating: token, count: sequences.count))
      }
    }
    return Double(max(1, DispatchTime.now().uptimeNanoseconds - start)) / 1e9
  }

  private func makeSequences(
    _ bench: BenchCase, options: CacheOptions, tokens: [Int32]
  ) throws(EngineError) -> [ActiveSequence] {
    var sequences: [ActiveSequence] = []
    for _ in 0..<bench.batch {
      let sequence = try ActiveSequence(loaded, options: options, processor: processor)
      try sequence.checkRoom(for: tokens.count)
      sequences.append(sequence)
    }
    return sequences
  }
}

extension Engine {
  /// A gauge of what this machine can do at most, with the engine's threads.
  ///
  /// Takes one or two seconds.
  public func makeLimitGauge() -> LimitGauge { LimitGauge(processor) }

  /// How fast the engine's kernels and threads multiply square matrices that are not quantised.
  ///
  /// Takes about a second.
  public func measureProducts() -> [ProductRate] { processor.measureProducts() }
}

extension ActiveSequence {
  /// Live entries: `[store][head]`.
  fileprivate var entryCounts: [[Int]] { owner.cache.keptPositions.map { $0.map(\.count) } }

  /// Has read `prompt` and nothing else.
  fileprivate func goBack(to prompt: ArraySlice<Int32>) throws(EngineError) {
    let rest = prompt.dropFirst(keepPrefix(of: Array(prompt)))
    if !rest.isEmpty { _ = try read(prompt: Array(rest)) }
  }
}
