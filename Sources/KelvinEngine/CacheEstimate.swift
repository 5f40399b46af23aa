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

  /// The entries of every head of each store that stay of a prompt of `tokens`, as each store's copy of the policy says;
  /// `nil` where the policy has no budget.
  func kept(of tokens: Int) -> [Int]? {
    guard hasBudget else { return nil }
    let heads = layout.stores.map(\.heads)
    return layout.stores.enumerated().map { index, store in
      var policy = policy
      policy.begin(
        at: StorePlace(
          store: index, headsOfStores: heads, pageEntries: PageShape.entries,
          pageBytes: options.formats.pageShape(of: store).bytes, tailEntries: options.formats.residual,
          tailPageBytes: options.formats.pageShape(of: store).unquantised.bytes, stateBytes: layout.stateBytes),
        promptLength: tokens)
      return min(store.mostEntries(of: tokens), policy.capacity ?? tokens)
    }
  }

  /// The most entries of every head while a prompt of `tokens` is read: all, or the budget and one chunk.
  func peak(of tokens: Int) -> [Int] {
    guard options.reviewsChunks, options.policy["when"] != "decode", let kept = kept(of: tokens) else {
      // A window is full while the next chunk arrives.
      return layout.stores.map { store in
        switch store.reach {
        case .everything: tokens
        case .window(let window): window + options.chunk > tokens ? tokens : window + options.chunk
        }
      }
    }
    return kept.map { tokens - $0 < options.chunk ? tokens : $0 + options.chunk }
  }

  /// Bytes of entries without the rounding to pages, and of states, of all sequences; `nil`: too many.
  func entryBytes(entries: [Int]) -> Int? {
    var sum = Checked.product(layout.stateBytes, batch)
    for (store, entries) in zip(layout.stores, entries) {
      let parts = HeadParts(entries, newest: options.formats.residual)
      for (count, formats) in [(parts.old, options.formats), (parts.new, options.formats.newest)] {
        sum = Checked.sum(sum, Checked.product(store.heads, formats.bytesPerEntry(of: store), count, batch))
      }
    }
    return sum
  }

  /// Bytes of the pages of all sequences, each head of a store having that store's number of entries; `nil`: too many.
  func bytes(entries: [Int]) -> Int? {
    var sum = Checked.product(layout.stateBytes, batch)
    for (store, entries) in zip(layout.stores, entries) {
      sum = Checked.sum(sum, pageBytes(HeadParts(entries, newest: options.formats.residual), of: store))
    }
    return sum
  }

  /// Bytes that are never exceeded while a prompt of `tokens` is read; `nil`: too many.
  ///
  /// With a residual, the stores whose layers are at work hold the chunk in f16, and in each head an entry that moves is in
  /// both runs.
  func peakBytes(tokens: Int) -> Int? {
    let entries = peak(of: tokens)
    let residual = options.formats.residual
    guard residual > 0 else { return bytes(entries: entries) }
    // A policy may let newer entries go before older ones.
    let keepsNewest = kept(of: tokens) == nil
    var settled = Checked.product(layout.stateBytes, batch)
    var arriving: Int? = 0
    var chunks: [Int] = []
    for (store, count) in zip(layout.stores, entries) {
      let parts = keepsNewest ? HeadParts(count, newest: residual) : HeadParts(count, upTo: residual)
      let most = HeadParts(count, upTo: options.chunk < count ? residual + options.chunk : count)
      let (before, after) = (pageBytes(most, of: store), pageBytes(parts, of: store))
      (settled, arriving) = (Checked.sum(settled, after), Checked.sum(arriving, before))
      chunks.append((before ?? 0) - (after ?? 0))
    }
    guard arriving != nil else { return nil }
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

  /// Bytes of the pages of all heads of a store in all sequences; `nil`: too many.
  private func pageBytes(_ parts: HeadParts, of store: StoreLayout) -> Int? {
    let shape = options.formats.pageShape(of: store)
    return Checked.sum(
      Checked.product(store.heads, parts.oldPages, shape.bytes, batch),
      Checked.product(store.heads, parts.newPages, shape.unquantised.bytes, batch))
  }
}

/// Arithmetic on numbers that people type.
private enum Checked {
  /// `nil` where a part is missing, or 63 bits do not hold the sum.
  static func sum(_ a: Int?, _ b: Int?) -> Int? {
    guard let a, let b else { return nil }
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? nil : sum
  }

  /// `nil` where 63 bits do not hold the product.
  static func product(_ factors: Int...) -> Int? {
    factors.reduce(1 as Int?) { product, factor in
      guard let (value, overflow) = product?.multipliedReportingOverflow(by: factor), !overflow else { return nil }
      return value
    }
  }
}

/// How the entries of a head are shared out to its two runs.
struct HeadParts {
  /// Entries that are not among the newest, and those that are.
  let old, new: Int

  /// The newest `residual` of `entries` are apart.
  init(_ entries: Int, newest residual: Int) {
    new = min(entries, residual)
    old = entries - new
  }

  /// The most pages that `entries` can take if some of them, `most` or fewer, are apart: those begin their last page.
  init(_ entries: Int, upTo most: Int) {
    let pages = HeadParts.pages(min(entries, most))
    new = max(0, (pages - 1) * PageShape.entries + 1)
    old = entries - new
  }

  var oldPages: Int { Self.pages(old) }
  var newPages: Int { Self.pages(new) }

  private static func pages(_ entries: Int) -> Int {
    entries / PageShape.entries + (entries.isMultiple(of: PageShape.entries) ? 0 : 1)
  }
}
