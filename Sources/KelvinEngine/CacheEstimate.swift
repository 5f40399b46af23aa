import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors

/// The sizes of a cache as functions of the number of tokens.
struct CacheEstimate {
  let layout: CacheLayout
  let options: CacheOptions
  let batch: Int
  /// As it is before a prompt begins.
  private let policy: any CachePolicy
  private let hasBudget: Bool

  init(layout: CacheLayout, options: CacheOptions, batch: Int) throws(EngineError) {
    guard batch > 0 else { throw .invalidOption(option: "batch", found: "\(batch)", expected: "at least 1") }
    policy = try options.makePolicy()
    try options.checkFormats(fit: layout)
    self.layout = layout
    self.options = options
    self.batch = batch
    let entry = PolicyRegistry.all.first { $0.name == options.policy.name }
    let usual = entry?.options.first { $0.key == "budget" }?.defaultValue
    hasBudget = (options.policy["budget"] ?? usual).flatMap { Budget($0) } != nil
  }

  /// What each store's copy of the policy keeps of a prompt of `tokens`; `nil` where it keeps everything.
  private func policies(tokens: Int) -> [KeptEntries?] {
    guard hasBudget else { return layout.stores.map { _ in nil } }
    let heads = layout.stores.map(\.heads)
    return layout.stores.enumerated().map { index, store in
      var policy = policy
      policy.begin(
        at: StorePlace(
          store: index, headsOfStores: heads, pageEntries: PageShape.entries,
          pageBytes: options.formats.pageShape(of: store).bytes, tailEntries: options.formats.residual,
          tailPageBytes: options.formats.pageShape(of: store).unquantised.bytes, stateBytes: layout.stateBytes),
        promptLength: tokens)
      return policy.keeps
    }
  }

  /// The entries of each store that stay when a prompt and `steps` more tokens have been read; `nil` where the policy has no
  /// budget.
  func kept(of tokens: Int, steps: Int) -> [StoreCounts]? {
    guard hasBudget else { return nil }
    let residual = options.formats.residual
    return zip(layout.stores, policies(tokens: tokens)).map { store, policy in
      let all = store.mostEntries(of: tokens + steps)
      let reviewed = policy.map { $0.when == .prefill ? 0 : steps - steps % $0.period } ?? 0
      guard let policy, reviewed > 0 || policy.when != .decode else {
        return StoreCounts(heads: HeadCounts(each: all), tail: .newest(residual), isBound: store.gating != nil)
      }
      let heads = HeadCounts(policy, in: store, total: tokens + steps, ago: steps - reviewed, most: all)
      // What is chosen before anything settles, or holds the newest, leaves none but the newest in the tail.
      let leavesNewest =
        (tokens <= options.chunk && reviewed == 0)
        || policy.newest >= (heads.areAlike ? min(residual, policy.mean) : residual)
      let isBound =
        !heads.areAlike || store.gating != nil || (residual > 0 && !leavesNewest)
        || (store.reach != .everything && reviewed < steps && policy.mean < all)
      return StoreCounts(heads: heads, tail: leavesNewest ? .newest(residual) : .upTo(residual), isBound: isBound)
    }
  }

  /// The most entries of each store at one time, in a few moments of which one is the worst: while a prompt is read there is
  /// everything, or what a policy keeps and one chunk; before a review in a step there is what came since the last.
  private func peaks(of tokens: Int, steps: Int) -> [(heads: [HeadCounts], chunk: Int)] {
    let policies = policies(tokens: tokens)
    let total = tokens + steps
    func peak(_ chunk: Int, _ heads: (StoreLayout, KeptEntries?) -> HeadCounts) -> ([HeadCounts], Int) {
      (zip(layout.stores, policies).map(heads), chunk)
    }
    let prompt = peak(options.chunk) { store, policy in
      // A window is full while the next chunk arrives.
      let chunk = min(options.chunk, tokens)
      let window = store.mostEntries(of: tokens)
      let all = window < tokens - chunk ? window + chunk : tokens
      guard options.reviewsChunks, let policy, policy.when != .decode else { return HeadCounts(each: all) }
      return HeadCounts(policy, in: store, total: tokens, ago: chunk, most: all)
    }
    guard steps > 0 else { return [prompt] }
    let beforeFirst = peak(1) { store, policy in
      let all = policy?.when == .decode ? tokens + min(steps, policy?.period ?? 1) : tokens
      return HeadCounts(each: store.mostEntries(of: policy == nil ? total : all))
    }
    let beforeAny = peak(1) { store, policy in
      let all = store.mostEntries(of: total)
      guard let policy else { return HeadCounts(each: all) }
      let ago = policy.when == .prefill ? steps : min(steps, policy.period)
      return HeadCounts(policy, in: store, total: total, ago: ago, most: all)
    }
    return [prompt, beforeFirst, beforeAny]
  }

  /// Bytes of entries without the rounding to pages, and of states, of all sequences; `nil`: too many.
  func entryBytes(entries: [Int]) -> Int? {
    var sum = Checked.product(layout.stateBytes, batch)
    for (store, entries) in zip(layout.stores, entries) {
      let parts = HeadParts(entries, .newest(options.formats.residual))
      for (count, formats) in [(parts.old, options.formats), (parts.new, options.formats.newest)] {
        sum = Checked.sum(sum, Checked.product(store.heads, formats.bytesPerEntry(of: store), count, batch))
      }
    }
    return sum
  }

  /// Bytes of the pages of all sequences, each head of a store having that store's number of entries; `nil`: too many.
  func bytes(entries: [Int]) -> Int? {
    bytes(
      entries.map { StoreCounts(heads: HeadCounts(each: $0), tail: .newest(options.formats.residual), isBound: false) })
  }

  /// Bytes of the pages of all sequences, at most; `nil`: too many.
  func bytes(_ counts: [StoreCounts]) -> Int? {
    var sum = Checked.product(layout.stateBytes, batch)
    for (store, counts) in zip(layout.stores, counts) {
      sum = Checked.sum(sum, pageBytes(counts.heads, counts.tail, of: store))
    }
    return sum
  }

  /// Bytes that are never exceeded while a prompt of `tokens` and `steps` more tokens are read; `nil`: too many.
  func peakBytes(tokens: Int, steps: Int = 0) -> Int? {
    // A policy may let newer entries go before older ones.
    let keepsNewest = !hasBudget
    var most = 0
    for (heads, chunk) in peaks(of: tokens, steps: steps) {
      guard let bytes = passBytes(heads, chunk: chunk, keepsNewest: keepsNewest) else { return nil }
      most = max(most, bytes)
    }
    return most
  }

  /// Bytes that are never exceeded while a pass of up to `chunk` tokens is read, `heads` with those of the pass.
  ///
  /// With a residual, the stores whose layers are at work hold the chunk in f16, and in each head an entry that moves is in
  /// both runs.
  private func passBytes(_ heads: [HeadCounts], chunk: Int, keepsNewest: Bool) -> Int? {
    let residual = options.formats.residual
    var settled = Checked.product(layout.stateBytes, batch)
    var arriving: Int? = 0
    var chunks: [Int] = []
    for (store, heads) in zip(layout.stores, heads) {
      let after = pageBytes(heads, keepsNewest || residual == 0 ? .newest(residual) : .upTo(residual), of: store)
      settled = Checked.sum(settled, after)
      guard residual > 0 else { continue }
      let before = pageBytes(heads, .upTo(Checked.sum(residual, chunk) ?? .max), of: store)
      arriving = Checked.sum(arriving, before)
      chunks.append((before ?? 0) - (after ?? 0))
    }
    guard residual > 0, arriving != nil else { return arriving == nil ? nil : settled }
    let moving = layout.stores.map { $0.heads * options.formats.pageShape(of: $0).bytes }.max() ?? 0
    return Checked.sum(settled, Checked.sum(mostOpen(chunks), Checked.product(moving, batch)))
  }

  /// The largest sum of `bytes` of those stores whose layers are at work at one time: from the first that reads a store to
  /// the last.
  private func mostOpen(_ bytes: [Int]) -> Int {
    var first: [Int: Int] = [:]
    var last: [Int: Int] = [:]
    for (layer, store) in layout.storeOfLayer.enumerated() {
      first[store] = first[store] ?? layer
      last[store] = layer
    }
    var (open, most) = (0, 0)
    for (layer, store) in layout.storeOfLayer.enumerated() {
      if first[store] == layer { open += bytes[store] }
      most = max(most, open)
      if last[store] == layer { open -= bytes[store] }
    }
    return most
  }

  /// Bytes of the pages of all heads of a store in all sequences, at most; `nil`: too many.
  private func pageBytes(_ heads: HeadCounts, _ tail: HeadTail, of store: StoreLayout) -> Int? {
    let shape = options.formats.pageShape(of: store)
    let bytes = heads.mostBytes(of: store.heads, in: options.formats.residual > 0 ? 1 : shape.bytes, tail) { entries in
      let parts = HeadParts(entries, tail)
      return Checked.sum(
        Checked.product(parts.oldPages, shape.bytes), Checked.product(parts.newPages, shape.unquantised.bytes))
    }
    return Checked.product(bytes, batch)
  }
}
