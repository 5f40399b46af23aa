import Foundation
import KelvinCache
import KelvinEngine
import KelvinModels
import KelvinPolicies
import KelvinTensors

/// A model of `Fixtures` with random weights; `llama-gqa` has 3 layers, 4 query heads, 2 KV heads of 16.
struct TinyModel {
  let model: any LanguageModel
  let processor: Processor

  init(_ name: String = "llama-gqa") throws {
    processor = try Processor(threads: 1)
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/\(name)")
    model = try LoadedModel(path: folder.path, exact: true, processor: processor).model
  }

  /// Reads a prompt chunk by chunk, and steps after it.
  /// - Parameter stepped: called after the prompt and after every step with what is kept then, and with the most bytes that
  ///   were out at one time.
  /// - Returns: the last of these.
  @discardableResult
  func read(
    tokens: Int, steps: Int = 0, options: CacheOptions, stepped: (CacheReport, Int) throws -> Void = { _, _ in }
  ) throws -> (report: CacheReport, peakBytes: Int) {
    let pool = PagePool()
    var cache = SequenceCache(
      layout: model.layout, formats: options.formats, policy: try PolicyRegistry.make(options.policy), pool: pool)
    cache.beginPrompt(length: tokens)
    for start in stride(from: 0, to: tokens, by: options.chunk) {
      let chunk = (start..<min(tokens, start + options.chunk)).map { Int32($0 % model.vocabulary) }
      cache.expect(chunk.count, reviewsChunks: options.reviewsChunks)
      _ = try model.logits(for: chunk, wanting: .none, memory: &cache, on: processor)
    }
    var report = cache.report(policy: "", budget: nil)
    try stepped(report, pool.peakBytes)
    for step in 0..<steps {
      cache.expect(1)
      // Not the prompt's tokens in their order, so that heads attend to other entries than before.
      let token = Int32((tokens + step * 37) % model.vocabulary)
      _ = try model.logits(for: [token], wanting: .none, memory: &cache, on: processor)
      report = cache.report(policy: "", budget: nil)
      try stepped(report, pool.peakBytes)
    }
    return (report, pool.peakBytes)
  }
}
