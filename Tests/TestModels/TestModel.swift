import Foundation
public import KelvinCache
import KelvinCheckpoints
public import KelvinModels
public import KelvinPolicies
public import KelvinTensors
import TestSupport

/// A model with a processor of its own, for tests that look at logits and caches.
public struct TestModel {
  /// The model, which is immutable.
  public let model: any LanguageModel
  /// What it runs on; one thread at a time may use it.
  public let processor: Processor

  /// The model of a checkpoint.
  /// - Parameter exact: 32-bit floats throughout.
  public init(_ checkpoint: Checkpoint, exact: Bool = true, threads: Int = 1) throws {
    processor = try Processor(threads: threads)
    model = try ArchitectureRegistry.makeModel(checkpoint, exact: exact, processor: processor)
  }

  /// The model in a file or folder of `Tests/Fixtures`.
  /// - Parameter configuration: a configuration to read instead of the folder's own, also in `Tests/Fixtures`.
  public init(_ name: String, configuration: String? = nil, exact: Bool = true, threads: Int = 1) throws {
    var checkpoint = try CheckpointReader.read(path: Fixtures.path(name))
    if let configuration {
      checkpoint.metadata = try CheckpointReader.read(configuration: Fixtures.path(configuration)).metadata
    }
    try self.init(checkpoint, exact: exact, threads: threads)
  }

  /// An empty cache for this model.
  public func cache(
    _ policy: any CachePolicy = Full(), formats: EntryFormat = .f32, pool: PagePool = PagePool()
  ) -> SequenceCache {
    cache(policy, formats: EntryFormats(keys: formats, values: formats), pool: pool)
  }

  /// An empty cache for this model whose keys and values are written as `formats` say.
  public func cache(
    _ policy: any CachePolicy = Full(), formats: EntryFormats, pool: PagePool = PagePool()
  ) -> SequenceCache {
    SequenceCache(layout: model.layout, formats: formats, policy: policy, pool: pool)
  }

  /// Reads `tokens` on top of what `cache` holds: the first `prompt` of them in chunks, the rest one by one.
  /// - Parameters:
  ///   - prompt: `nil`: all of them.
  ///   - chunk: tokens per pass of the prompt; `nil`: one pass.
  ///   - kinds: of the tokens, for policies that record them.
  ///   - reviewed: called after each pass.
  /// The model's leading tokens go before the first; they are part of the prompt.
  /// - Returns: the logits after each of `tokens`.
  public func read(
    _ tokens: [Int32], prompt: Int? = nil, chunk: Int? = nil, kinds: [EntryKind] = [], reviewsChunks: Bool = false,
    into cache: inout SequenceCache, reviewed: (borrowing SequenceCache) throws -> Void = { _ in }
  ) throws -> [[Float]] {
    let leading = cache.seen == 0 ? model.leadingTokens : []
    let prompt = (prompt ?? tokens.count) + leading.count
    let tokens = leading + tokens
    let kinds = kinds.isEmpty ? [] : leading.map { _ in .special } + kinds
    var rows: [[Float]] = []
    var start = 0
    if prompt > 0 { cache.beginPrompt(length: prompt) }
    while start < tokens.count {
      let count = start < prompt ? min(chunk ?? prompt, prompt - start) : 1
      cache.expect(count, kinds: Array(kinds.dropFirst(start).prefix(count)), reviewsChunks: reviewsChunks)
      let logits = try model.logits(
        for: Array(tokens[start..<start + count]), wanting: .all, memory: &cache, on: processor)
      rows += (0..<count).map { logits.values(row: $0) }
      start += count
      try reviewed(cache)
    }
    return Array(rows.dropFirst(leading.count))
  }

  /// Reads `tokens` as one prompt in one pass, for what the cache makes of it.
  public func prefill(_ tokens: [Int32], into cache: inout SequenceCache) throws {
    cache.beginPrompt(length: tokens.count)
    cache.expect(tokens.count)
    _ = try model.logits(for: tokens, wanting: .none, memory: &cache, on: processor)
  }

  /// Reads `tokens` and goes on with the most likely token `count` times.
  /// - Returns: the new tokens.
  public func generate(_ count: Int, after tokens: [Int32], into cache: inout SequenceCache) throws -> [Int32] {
    var last = try read(tokens, into: &cache).last ?? []
    var new: [Int32] = []
    while new.count < count {
      new.append(indexOfLargest(last))
      if new.count < count { last = try read(new.suffix(1), prompt: 0, into: &cache).last ?? [] }
    }
    return new
  }
}
