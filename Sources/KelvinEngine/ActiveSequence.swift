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
  /// Every token read, oldest first; not those that the model itself puts in front.
  private(set) var tokens: [Int32] = []
  let owner: OwnedCache
  /// The logits after the last token, `[1, V]`; `nil` where they were not wanted.
  private(set) var logits: Tensor?
  let loaded: LoadedModel
  private let policy: any CachePolicy
  private let closesRanks: Bool

  init(_ loaded: LoadedModel, options: CacheOptions, processor: Processor) throws(EngineError) {
    let model = loaded.model
    policy = try options.makePolicy()
    try options.checkFormats(fit: model.layout)
    self.loaded = loaded
    self.model = model
    self.processor = processor
    self.options = options
    context = min(options.context ?? model.contextLength, model.contextLength)
    // Where entries merge, ranks stay open: distances grow with the text.
    closesRanks = policy.places != .original && model.layout.stores.allSatisfy { $0.gating == nil }
    owner = OwnedCache(
      SequenceCache(
        layout: model.layout, formats: options.formats, policy: policy, pool: PagePool(limit: options.limit)))
  }

  /// What `other` has read, on pages that the two share.
  init(forking other: ActiveSequence) throws(EngineError) {
    loaded = other.loaded
    model = other.model
    processor = other.processor
    options = other.options
    context = other.context
    policy = other.policy
    closesRanks = other.closesRanks
    tokens = other.tokens
    logits = other.logits
    do {
      owner = OwnedCache(try other.owner.cache.fork())
    } catch {
      throw .memory(error.description)
    }
  }

  /// Whether `count` more tokens fit: into the context, or into any length where the policy closes ranks.
  func checkRoom(for count: Int) throws(EngineError) {
    let needed = model.leadingTokens.count + tokens.count + count
    guard !closesRanks, needed > context else { return }
    throw .contextOverflow(tokens: needed, context: context)
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
    let prompt = (tokens.isEmpty ? model.leadingTokens : []) + prompt
    owner.cache.beginPrompt(length: prompt.count)
    let reviewsChunks = options.reviewsChunks || owner.cache.seen + prompt.count > context
    var start = 0
    while start < prompt.count {
      guard progress(Double(start) / Double(prompt.count)) else { return nil }
      let end = chunkEnd(from: start, of: prompt.count)
      let chunk = Array(prompt[start..<end])
      owner.cache.expect(chunk.count, kinds: kinds(of: chunk), reviewsChunks: reviewsChunks)
      let logits = try pass(chunk, wanting: end == prompt.count ? .last : .none)
      if end == prompt.count { return logits }
      start = end
    }
    return nil
  }

  /// Where the chunk that begins at `start` ends.
  ///
  /// The last chunk holds all queries that the policy wants to observe.
  private func chunkEnd(from start: Int, of count: Int) -> Int {
    let end = min(count, start + options.chunk)
    let observed = min(policy.records.windowAttention, options.chunk)
    return end < count && count - end < observed ? max(start + 1, count - observed) : end
  }

  private func kinds(of tokens: [Int32]) -> [EntryKind] {
    guard policy.records.kinds else { return [] }
    let kinds = loaded.entryKinds
    return tokens.map { token in
      if Int(token) >= model.vocabulary { return .special }
      return kinds.indices.contains(Int(token)) ? kinds[Int(token)] : .ordinary
    }
  }

  /// Reads one token.
  /// - Returns: the logits after it, `[1, V]`.
  func read(_ token: Int32) throws(EngineError) -> Tensor {
    try checkRoom(for: 1)
    guard options.isCached else { return try recompute(adding: [token]) }
    let one = [token]
    owner.cache.expect(1, kinds: kinds(of: one))
    return try pass(one, wanting: .last)
  }

  /// Every sequence reads its token, all in one pass over the weights.
  /// - Parameters:
  ///   - sequences: of the same model, each with a cache, at least one.
  ///   - tokens: one for each.
  /// - Returns: the logits after them, `[sequences, V]`.
  static func step(_ sequences: [ActiveSequence], _ tokens: [Int32]) throws(EngineError) -> Tensor {
    for sequence in sequences { try sequence.checkRoom(for: 1) }
    for (sequence, token) in zip(sequences, tokens) {
      sequence.owner.cache.expect(1, kinds: sequence.kinds(of: [token]))
      sequence.tokens.append(token)
      sequence.logits = nil
    }
    var memory = BatchMemory(sequences.map(\.owner))
    do {
      return try sequences[0].model.logits(
        for: tokens, wanting: .all, memory: &memory, on: sequences[0].processor)
    } catch {
      for sequence in sequences { sequence.forgetAbandoned() }
      throw .memory(error.description)
    }
  }

  private func pass(_ chunk: [Int32], wanting rows: LogitRows) throws(EngineError) -> Tensor {
    tokens += chunk.filter { Int($0) < model.vocabulary }
    logits = nil
    do {
      let read = try model.logits(for: chunk, wanting: rows, memory: &owner.cache, on: processor)
      if rows != .none { logits = read }
      return read
    } catch {
      forgetAbandoned()
      throw .memory(error.description)
    }
  }

  /// A pass that failed was taken back by the cache.
  private func forgetAbandoned() { tokens.removeLast(tokens.count - textSeen) }

  /// Tokens of the text that the cache has read; what the model puts in front is none.
  var textSeen: Int { max(0, owner.cache.seen - model.leadingTokens.count) }

  /// Generation as the definition says it, without a cache: all tokens go through the model again.
  private func recompute(adding new: [Int32]) throws(EngineError) -> Tensor {
    let tokens = tokens + new
    var scratch = SequenceCache(
      layout: model.layout, formats: options.formats, policy: Full(), pool: owner.cache.pagePool)
    let all = model.leadingTokens + tokens
    scratch.beginPrompt(length: all.count)
    var logits = processor.tensor(rows: 0, columns: model.vocabulary)
    for start in stride(from: 0, to: all.count, by: options.chunk) {
      let chunk = Array(all[start..<min(all.count, start + options.chunk)])
      scratch.expect(chunk.count)
      do {
        logits = try model.logits(
          for: chunk, wanting: start + chunk.count == all.count ? .last : .none, memory: &scratch, on: processor)
      } catch {
        throw .memory(error.description)
      }
    }
    self.tokens = tokens
    self.logits = logits
    return logits
  }

  /// What is kept now.
  var report: CacheReport {
    var report = owner.cache.report(policy: options.policy.description, budget: options.policy["budget"])
    if !options.isCached {
      report.policy = "none"
      report.seen = tokens.isEmpty ? 0 : model.leadingTokens.count + tokens.count
      report.bytesFull = model.layout.fullBytes(formats: options.formats, tokens: report.seen)
    }
    return report
  }

  /// Forgets all tokens but the first `count`, which are all that the cache holds.
  func shorten(to count: Int) {
    tokens.removeLast(tokens.count - count)
    logits = nil
  }

  /// Takes up the tokens of the cache that was loaded, and the logits after them where they are known.
  func takeUp(_ tokens: [Int32], logits: [Float]) {
    self.tokens = tokens
    if !logits.isEmpty { self.logits = processor.tensor(rows: 1, columns: logits.count, values: logits) }
  }
}
