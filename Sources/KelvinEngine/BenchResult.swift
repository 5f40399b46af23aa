public import KelvinCache
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

  /// What is timed at one go: the prompt, or every step by itself.
  func parts(of tokens: [Int32]) -> [ArraySlice<Int32>] {
    let timed = tokens[depth...]
    return prompt > 0 ? [timed] : timed.indices.map { timed[$0...$0] }
  }

  /// Tokens of all sequences per second.
  func speed(_ seconds: Double) -> Double { Double((prompt + generated) * batch) / max(1e-9, seconds) }
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
  /// The speeds of the first of the caches that took turns, one per repetition; empty: none did.
  public var speedsBeside: [Double] = []

  /// The mean speed.
  public var mean: Double { speeds.reduce(0, +) / Double(max(1, speeds.count)) }
  /// The middle speed.
  public var median: Double { Spread.median(speeds) }
  /// The standard deviation of the speeds.
  public var deviation: Double { Spread.deviation(speeds) }
  /// The standard deviation of the shares.
  public var shareDeviation: Double { Spread.deviation(shares.map(\.share)) }
  /// The middle of the ratios to the speed of the first cache that took turns; `nil`: none did.
  public var ratio: Double? { speedsBeside.isEmpty ? nil : Spread.median(ratios) }
  /// The standard error of the middle ratio, from the middle deviation, so that single outliers do not count.
  public var ratioError: Double { Spread.errorOfMedian(ratios) }
  private var ratios: [Double] { zip(speeds, speedsBeside).map { $0 / $1 } }

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
