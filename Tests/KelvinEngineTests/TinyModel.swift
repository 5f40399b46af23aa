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

  /// Reads a prompt chunk by chunk.
  /// - Returns: what is kept then, and the most bytes that were out at one time.
  func read(tokens: Int, options: CacheOptions) throws -> (report: CacheReport, peakBytes: Int) {
    let pool = PagePool()
    var cache = SequenceCache(
      layout: model.layout, formats: options.formats, policy: try PolicyRegistry.make(options.policy), pool: pool)
    cache.beginPrompt(length: tokens)
    for start in stride(from: 0, to: tokens, by: options.chunk) {
      let chunk = (start..<min(tokens, start + options.chunk)).map { Int32($0 % model.vocabulary) }
      cache.expect(chunk.count, reviewsChunks: options.reviewsChunks)
      _ = try model.logits(for: chunk, wanting: .none, memory: &cache, on: processor)
    }
    return (cache.report(policy: "", budget: nil), pool.peakBytes)
  }
}
