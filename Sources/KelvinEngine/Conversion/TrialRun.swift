import Foundation
import KelvinAttention
import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors

/// A model in memory that reads a text for its numbers: to measure what passes through it, or how well it predicts.
///
/// The text is read in windows of the model's context, at most 2048 tokens, each into an empty cache in f16.
struct TrialRun {
  private static let longestWindow = 2048
  private static let chunk = 512

  private let model: any LanguageModel
  private let processor: Processor

  init(_ checkpoint: Checkpoint, processor: Processor) throws(EngineError) {
    self.processor = processor
    do {
      model = try ArchitectureRegistry.makeModel(checkpoint, exact: false, processor: processor)
    } catch {
      throw .unreadableModel(reason: error.description, isMissing: false)
    }
  }

  /// What queries, keys and values are like while `tokens` are read.
  /// - Parameter progress: called with the share that is read, in 0...1; `false` ends it.
  func calibration(_ tokens: [Int32], progress: (Double) -> Bool) throws(EngineError) -> LatentCalibration {
    var memory = CalibratingMemory(cache())
    try read(tokens, progress: progress) { chunk, isFirst throws(MemoryError) in
      if isFirst { memory.memory.clear() }
      memory.memory.expect(chunk.count)
      _ = try model.logits(for: Array(tokens[chunk]), wanting: .none, memory: &memory, on: processor)
    }
    return memory.calibration
  }

  /// `e` to the mean negative log-likelihood of all tokens but the first of each window.
  /// - Parameter progress: called with the share that is read, in 0...1; `false` ends it.
  func perplexity(_ tokens: [Int32], progress: (Double) -> Bool) throws(EngineError) -> Double {
    var memory = cache()
    var (sum, count) = (0.0, 0)
    var row: [Float] = []
    try read(tokens, progress: progress) { chunk, isFirst throws(MemoryError) in
      if isFirst { memory.clear() }
      memory.expect(chunk.count)
      let logits = try model.logits(for: Array(tokens[chunk]), wanting: .all, memory: &memory, on: processor)
      for index in 0..<chunk.count where !isLast(chunk.lowerBound + index, of: tokens) {
        logits.copy(row: index, into: &row)
        sum += Engine.negativeLogLikelihood(row, of: tokens[chunk.lowerBound + index + 1])
        count += 1
      }
    }
    return exp(sum / Double(count))
  }

  private func cache() -> SequenceCache {
    SequenceCache(layout: model.layout, formats: EntryFormats(), policy: Full(), pool: PagePool())
  }

  private var window: Int { min(Self.longestWindow, model.contextLength) }

  /// Whether the token after the one at `index` is in another window, or there is none.
  private func isLast(_ index: Int, of tokens: [Int32]) -> Bool {
    (index + 1).isMultiple(of: window) || index + 1 == tokens.count
  }

  /// Calls `pass` for every chunk, and says whether it is the first of a window.
  private func read(
    _ tokens: [Int32], progress: (Double) -> Bool, pass: (Range<Int>, Bool) throws(MemoryError) -> Void
  ) throws(EngineError) {
    if let outside = tokens.first(where: { $0 < 0 || Int($0) >= model.vocabulary }) {
      throw .tokenOutsideVocabulary(token: outside, vocabulary: model.vocabulary)
    }
    var start = 0
    while start < tokens.count {
      guard progress(Double(start) / Double(tokens.count)) else { throw .cancelled }
      let windowEnd = (start / window + 1) * window
      let end = min(start + Self.chunk, windowEnd, tokens.count)
      do {
        try pass(start..<end, start.isMultiple(of: window))
      } catch {
        throw .memory(error.description)
      }
      start = end
    }
  }
}
