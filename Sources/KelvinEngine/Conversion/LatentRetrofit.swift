import KelvinAttention
import KelvinCache
import KelvinModels
import KelvinTensors

/// A model whose attention is made latent on the way from one container to another, tried before and after.
///
/// A quarter of the progress each: predictions before, measurements, decompositions, predictions after.
struct LatentRetrofit {
  /// The model with latent attention.
  let result: Checkpoint
  private let options: LatentOptions
  private let source: Checkpoint
  private let processor: Processor
  private let perplexityBefore: Double?

  /// - Parameters:
  ///   - source: the model as it was read.
  ///   - grouped: the same, pooled and translated: what is converted.
  ///   - plan: keeps the formats that weights had, where it was asked for no others.
  init(
    _ options: LatentOptions, of source: Checkpoint, as grouped: Checkpoint, plan: FormatPlan,
    progress: (Double) -> Bool
  ) throws(EngineError) {
    (self.options, self.source, processor) = (options, source, plan.processor)
    var latent: Checkpoint
    do {
      // Before anything is read: what cannot be converted should be said at once.
      try options.conversion.check(grouped)
    } catch {
      throw EngineError(converting: error)
    }
    perplexityBefore =
      try options.evaluation.isEmpty
      ? nil : TrialRun(source, processor: processor).perplexity(options.evaluation) { progress($0 / 4) }
    let calibration =
      try options.calibration.isEmpty
      ? nil : TrialRun(grouped, processor: processor).calibration(options.calibration) { progress((1 + $0) / 4) }
    do {
      latent = try options.conversion.apply(to: grouped, calibration: calibration) { progress((2 + $0) / 4) }
    } catch {
      throw EngineError(converting: error)
    }
    if plan.type == nil { plan.keepFormats(of: grouped, in: &latent) }
    result = latent
  }

  /// What became of the model as it will be written.
  func report(_ written: Checkpoint, progress: (Double) -> Bool) throws(EngineError) -> LatentReport {
    let after =
      try options.evaluation.isEmpty
      ? nil : TrialRun(written, processor: processor).perplexity(options.evaluation) { progress((3 + $0) / 4) }
    _ = progress(1)
    let layouts: (before: CacheLayout, after: CacheLayout)
    do {
      layouts = try (ArchitectureRegistry.describe(source).layout, ArchitectureRegistry.describe(written).layout)
    } catch {
      throw .unreadableModel(reason: error.description, isMissing: false)
    }
    // Layers may differ before pooling; the mean of them is what a token and layer take.
    func numbers(_ layout: CacheLayout) -> Int {
      layout.stores.reduce(0) { $0 + $1.heads * $1.numbersPerEntry } / max(1, layout.stores.count)
    }
    func bytes(_ layout: CacheLayout) -> Int { layout.bytesPerToken(formats: EntryFormats()) }
    return LatentReport(
      latentWidth: options.conversion.latentWidth,
      rotaryWidth: numbers(layouts.after) - options.conversion.latentWidth,
      numbersBefore: numbers(layouts.before), numbersAfter: numbers(layouts.after),
      bytesPerTokenBefore: bytes(layouts.before), bytesPerTokenAfter: bytes(layouts.after),
      calibrationTokens: options.calibration.count, evaluationTokens: options.evaluation.count,
      perplexityBefore: perplexityBefore, perplexityAfter: after)
  }
}
