import KelvinAttention
import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors

/// One sequence on its way through a model: it reads tokens and keeps what its policy keeps.
final class ActiveSequence {
  let model: any LanguageModel
  let processor: Processor
  let options: CacheOptions
  let context: Int
  /// Every token read, oldest first.
  private(set) var tokens: [Int32] = []
  private(set) var cache: SequenceCache
  private let closesRanks: Bool

  init(_ model: any LanguageModel, options: CacheOptions, processor: Processor) throws(EngineError) {
    let policy = try options.makePolicy()
    self.model = model
    self.processor = processor
    self.options = options
    context = min(options.context ?? model.contextLength, model.contextLength)
    closesRanks = policy.places != .original
    cache = SequenceCache(
      layout: model.layout, formats: options.formats, policy: policy, pool: PagePool(limit: options.limit))
  }

  /// Whether `count` more tokens fit: into the context, or into any length where the policy closes ranks.
  func checkRoom(for count: Int) throws(EngineError) {
    guard !closesRanks, tokens.count + count > context else { return }
    throw .contextOverflow(tokens: tokens.count + count, context: context)
  }

  /// Reads a prompt in chunks.
  /// - Parameter progress: called with the share that is read; returning `false` stops the reading.
  /// - Returns: the logits after the last token, `[1, V]`; `nil` where `progress` stopped it.
  func read(prompt: [Int32], progress: (Double) -> Bool = { _ in true }) throws(EngineError) -> Tensor? {
    guard !prompt.isEmpty else { throw .emptyPrompt }
    if let outside = prompt.first(where: { $0 < 0 || Int($0) >= model.vocabulary }) {
      throw .tokenOutsideVocabulary(token: outside, vocabulary: model.vocabulary)
    }
    try checkRoom(for: prompt.count)
    guard options.isCached else { return try recompute(adding: prompt) }
    cache.beginPrompt(length: prompt.count)
    let reviewsChunks = options.reviewsChunks || tokens.count + prompt.count > context
    for start in stride(from: 0, to: prompt.count, by: options.chunk) {
      guard progress(Double(start) / Double(prompt.count)) else { return nil }
      let chunk = Array(prompt[start..<min(prompt.count, start + options.chunk)])
      let isLast = start + chunk.count == prompt.count
      cache.expect(chunk.count, reviewsChunks: reviewsChunks)
      let logits = try pass(chunk, wanting: isLast ? .last : .none)
      if isLast { return logits }
    }
    return nil
  }

  /// Reads one token.
  /// - Returns: the logits after it, `[1, V]`.
  func read(_ token: Int32) throws(EngineError) -> Tensor {
    try checkRoom(for: 1)
    guard options.isCached else { return try recompute(adding: [token]) }
    cache.expect(1)
    return try pass([token], wanting: .last)
  }

  private func pass(_ chunk: [Int32], wanting rows: LogitRows) throws(EngineError) -> Tensor {
    tokens += chunk
    do {
      return try model.logits(for: chunk, wanting: rows, memory: &cache, on: processor)
    } catch {
      throw .memory(error.description)
    }
  }

  /// Generation as the definition says it, without a cache: all tokens go through the model again.
  private func recompute(adding new: [Int32]) throws(EngineError) -> Tensor {
    tokens += new
    var scratch = SequenceCache(layout: model.layout, formats: options.formats, policy: Full(), pool: cache.pagePool)
    scratch.beginPrompt(length: tokens.count)
    var logits = processor.tensor(rows: 0, columns: model.vocabulary)
    for start in stride(from: 0, to: tokens.count, by: options.chunk) {
      let chunk = Array(tokens[start..<min(tokens.count, start + options.chunk)])
      scratch.expect(chunk.count)
      do {
        logits = try model.logits(
          for: chunk, wanting: start + chunk.count == tokens.count ? .last : .none, memory: &scratch, on: processor)
      } catch {
        throw .memory(error.description)
      }
    }
    return logits
  }

  /// What is kept now.
  var report: CacheReport {
    var report = cache.report(policy: options.policy.description, budget: options.policy["budget"])
    if !options.isCached {
      report.policy = "none"
      report.seen = tokens.count
      report.bytesFull = model.layout.fullBytes(formats: options.formats, tokens: tokens.count)
    }
    return report
  }
}
