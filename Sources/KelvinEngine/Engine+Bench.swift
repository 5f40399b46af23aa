import KelvinModels
public import KelvinTensors

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
    let tokens = try benchTokens(bench, repetitions: repetitions)
    let sequences = try BenchSequences(bench, loaded, options: options, processor: processor)
    var result = BenchResult(bench: bench, speeds: [], limits: [], kv: sequences.report)
    for repetition in 0..<repetitions {
      guard progress(repetition) else { break }
      try sequences.goBack(to: tokens[..<bench.depth])
      if bench.depth == 0, repetition == 0 {
        let warmUp = try ActiveSequence(loaded, options: options, processor: processor)
        _ = try warmUp.read(prompt: Array(tokens.prefix(max(16, min(bench.prompt, 64)))))
      }
      let limitsBefore = gauge?.measure()
      var seconds = 0.0
      for part in bench.parts(of: tokens) { seconds += try sequences.read(part) }
      if let limitsBefore, let gauge { result.limits.append(LimitPair(before: limitsBefore, after: gauge.measure())) }
      result.speeds.append(bench.speed(seconds))
    }
    return try finish(result, sequences, options)
  }

  /// Times one case with caches that take turns with the first: step by step, or prompt by prompt.
  ///
  /// What the machine does meanwhile it does to both, so the ratio of their speeds is known far better than any speed. Each meets
  /// the first alone: a step of 30 ms leaves less in the processor's caches for the next than one of 5.
  /// The first repetition is a warm-up, in which policies begin to let entries leave. A cache that can go back does so before each
  /// repetition; for steps, one that cannot goes on from where it is, as a long text would.
  /// `progress` is called before each; returning `false` ends with the ones done.
  /// - Returns: a result for each of `options`; those after the first know how fast the first was beside them.
  ///   None where no repetition was done.
  public func bench(
    _ bench: BenchCase, repetitions: Int, inTurn options: [CacheOptions],
    progress: @Sendable (Int) -> Bool = { _ in true }
  ) throws(EngineError) -> [BenchResult] {
    let tokens = try benchTokens(bench, repetitions: repetitions)
    var caches: [BenchSequences] = []
    for options in options {
      caches.append(try BenchSequences(bench, loaded, options: options, processor: processor))
    }
    guard let first = caches.first, caches.count > 1 else {
      throw .invalidOption(option: "beside", found: "\(options.count) caches", expected: "two at least")
    }
    var results = caches.map { BenchResult(bench: bench, speeds: [], limits: [], kv: $0.report) }
    for repetition in 0...repetitions {
      guard progress(repetition) else { break }
      var ofFirst = 0.0
      for index in 1..<caches.count {
        let pair = [first, caches[index]]
        for cache in pair where repetition == 0 || !cache.goesOn { try cache.goBack(to: tokens[..<bench.depth]) }
        var seconds = [0.0, 0.0]
        for part in bench.parts(of: tokens) {
          for turn in pair.indices { seconds[turn] += try pair[turn].read(part) }
        }
        ofFirst += seconds[0]
        guard repetition > 0 else { continue }
        results[index].speeds.append(bench.speed(seconds[1]))
        results[index].speedsBeside.append(bench.speed(seconds[0]))
      }
      guard repetition > 0 else { continue }
      results[0].speeds.append(bench.speed(ofFirst / Double(caches.count - 1)))
      results[0].speedsBeside = results[0].speeds
    }
    // Ended in the warm-up.
    guard results.contains(where: { !$0.speeds.isEmpty }) else { return [] }
    for index in results.indices { results[index] = try finish(results[index], caches[index], options[index]) }
    return results
  }

  private func benchTokens(_ bench: BenchCase, repetitions: Int) throws(EngineError) -> [Int32] {
    let total = bench.depth + bench.prompt + bench.generated
    guard bench.prompt >= 0, bench.generated >= 0, bench.depth >= 0, bench.batch > 0, total > 0, repetitions > 0 else {
      throw .invalidOption(option: "bench", found: bench.name, expected: "positive counts")
    }
    var random = RandomNumbers(seed: 42)
    return (0..<total).map { _ in Int32(random.nextUnit() * Float(loaded.model.vocabulary)) }
  }

  private func finish(
    _ result: BenchResult, _ sequences: BenchSequences, _ options: CacheOptions
  ) throws(EngineError) -> BenchResult {
    guard !result.speeds.isEmpty else {
      throw .invalidOption(option: "repetitions", found: "none done", expected: "at least one")
    }
    var result = result
    result.kv = sequences.report
    guard options.isCached else { return result }
    let counter = DemandCounter(
      model: loaded.model, cost: loaded.cost, formats: options.formats,
      kernels: Kernels.Variant(rawValue: kernels))
    let (bench, before) = (result.bench, sequences.entriesBefore)
    result.demand =
      bench.prompt > 0
      ? counter.prompt(bench.prompt, chunk: options.chunk, batch: bench.batch, before: before)
      : counter.steps(bench.generated, batch: bench.batch, before: before, after: sequences.entryCounts)
    return result
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
