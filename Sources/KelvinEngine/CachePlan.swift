public import KelvinAttention
public import KelvinCache
import KelvinPolicies
import KelvinTensors

/// What the cache of a model takes, to the byte, worked out before any memory is taken.
public struct CachePlan: Sendable, Hashable {
  /// The stores and their sizes.
  public let layout: CacheLayout
  /// How keys and values are written.
  public let formats: EntryFormats
  /// Tokens of every sequence.
  public let tokens: Int
  /// Sequences.
  public let batch: Int
  /// Bytes of the full cache's entries.
  public let entryBytes: Int
  /// Bytes of the full cache in whole pages, which is what the allocator takes.
  public let fullBytes: Int
  /// The entries that the policy leaves in every head of each store; `nil` where the policy has no budget.
  public let keptEntries: [Int]?
  /// Bytes of the pages that the policy leaves; those of the full cache where it has no budget.
  public let keptBytes: Int
  /// Bytes that are never exceeded while a prompt of all `tokens` is read.
  public let peakBytes: Int

  /// Counts the bytes of a cache.
  /// - Parameters:
  ///   - layout: the model's.
  ///   - options: the formats, and the policy with its budget.
  ///   - tokens: how many each sequence has, all of them its prompt.
  ///   - batch: how many sequences there are.
  /// - Throws: `EngineError` for an impossible option, and for sizes whose bytes no machine can count.
  public init(layout: CacheLayout, options: CacheOptions, tokens: Int, batch: Int = 1) throws(EngineError) {
    guard tokens > 0 else { throw .invalidOption(option: "tokens", found: "\(tokens)", expected: "at least 1") }
    let estimate = try Estimate(layout: layout, options: options, batch: batch)
    let full = layout.stores.map { $0.mostEntries(of: tokens) }
    guard let fullBytes = estimate.bytes(entries: full), let entryBytes = estimate.entryBytes(entries: full) else {
      throw .invalidOption(
        option: "tokens", found: "\(tokens) for each of \(batch) sequences", expected: "bytes that 63 bits can count")
    }
    self.layout = layout
    self.tokens = tokens
    self.batch = batch
    self.entryBytes = entryBytes
    self.fullBytes = fullBytes
    formats = options.formats
    keptEntries = estimate.kept(of: tokens)
    keptBytes = keptEntries.flatMap { estimate.bytes(entries: $0) } ?? fullBytes
    peakBytes = estimate.bytes(entries: estimate.peak(of: tokens)) ?? fullBytes
  }

  /// The longest prompt whose cache stays within `bytes`, and each sequence within the options' limit, while it is read;
  /// `nil`: any length.
  public static func longestPrompt(
    layout: CacheLayout, options: CacheOptions, batch: Int = 1, bytes: Int
  ) throws(EngineError) -> Int? {
    let estimate = try Estimate(layout: layout, options: options, batch: batch)
    func fits(_ tokens: Int) -> Bool {
      guard let peak = estimate.bytes(entries: estimate.peak(of: tokens)) else { return false }
      return peak <= bytes && peak / batch <= options.limit ?? .max
    }
    var fitting = 0
    var tooMany = 1 << 61
    if fits(tooMany) { return nil }
    while tooMany - fitting > 1 {
      let middle = fitting + (tooMany - fitting) / 2
      if fits(middle) { fitting = middle } else { tooMany = middle }
    }
    return fitting
  }

  /// The formula of `entryBytes`: `2 · L · H · D · tokens · batch · bytes` where all stores are alike and grow for ever.
  public var formula: (symbols: String, numbers: String) {
    let isEndless = layout.stateBytes == 0 && layout.stores.allSatisfy { $0.reach == .everything }
    if isEndless, let (symbols, factors) = commonFactors {
      // 8.5 bits are 1.0625 bytes; whole numbers of bytes are written without a fraction.
      let bytes = layout.bitsPerNumber(formats: formats) / 8
      let last = bytes == bytes.rounded() ? String(Int(bytes)) : String(bytes)
      let numbers = (factors + [tokens, batch]).map(String.init) + [last]
      return (symbols + " · tokens · batch · bytes", numbers.joined(separator: " · "))
    }
    if isEndless {
      let factors = [layout.bytesPerToken(formats: formats), tokens, batch]
      return (
        "Σ stores H · (Dk · bytes + Dv · bytes) · tokens · batch", factors.map(String.init).joined(separator: " · ")
      )
    }
    var groups: [(bytes: Int, entries: Int, stores: Int)] = []
    for store in layout.stores {
      let (bytes, entries) = (formats.bytesPerEntry(of: store) * store.heads, store.mostEntries(of: tokens))
      if let same = groups.firstIndex(where: { $0.bytes == bytes && $0.entries == entries }) {
        groups[same].stores += 1
      } else {
        groups.append((bytes, entries, 1))
      }
    }
    let terms = groups.map { ($0.stores > 1 ? "\($0.stores) · " : "") + "\($0.bytes) · \($0.entries)" }
    let states = layout.stateBytes > 0 ? " + \(layout.stateBytes)" : ""
    return (
      "(Σ stores H · bytes per entry · entries\(states.isEmpty ? "" : " + states")) · batch",
      "(\(terms.joined(separator: " + "))\(states)) · \(batch)"
    )
  }

  /// The numbers that a token takes, as a product, where all stores are alike.
  private var commonFactors: (symbols: String, factors: [Int])? {
    guard let store = layout.stores.first, layout.states.isEmpty,
      layout.stores.allSatisfy({ $0.heads == store.heads && $0.keyWidth == store.keyWidth && $0.values == store.values }
      ),
      layout.stores.allSatisfy({ $0.reach == .everything })
    else { return nil }
    switch store.values {
    case .stored(store.keyWidth) where formats.keys == formats.values:
      return ("2 · L · H · D", [2, layout.stores.count, store.heads, store.keyWidth])
    case .prefixOfKey where store.heads == 1:
      return ("L · (Dc + Dr)", [layout.stores.count, store.keyWidth])
    default: return nil
    }
  }
}

extension CacheLayout {
  /// `layers` stores of `heads` KV heads, whose keys and values are `width` numbers.
  /// - Throws: `EngineError.invalidOption`, named as the command's options, where a size is out of range.
  public init(layers: Int, heads: Int, width: Int) throws(EngineError) {
    for (option, size) in [("layers", layers), ("kv-heads", heads), ("head-dim", width)] {
      // Together the limits keep the bytes of one page per head within 63 bits.
      guard (1...1 << 16).contains(size) else {
        throw .invalidOption(option: option, found: "\(size)", expected: "1 to \(1 << 16)")
      }
    }
    self.init(
      layers: layers, each: StoreLayout(heads: heads, keyWidth: width, values: .stored(width: width), rotary: nil))
  }
}

/// The sizes of a cache as functions of the number of tokens.
private struct Estimate {
  let layout: CacheLayout
  let options: CacheOptions
  let batch: Int
  /// `nil` where the policy has none.
  let budget: Budget?

  init(layout: CacheLayout, options: CacheOptions, batch: Int) throws(EngineError) {
    guard batch > 0 else { throw .invalidOption(option: "batch", found: "\(batch)", expected: "at least 1") }
    _ = try options.makePolicy()
    try options.checkFormats(fit: layout)
    self.layout = layout
    self.options = options
    self.batch = batch
    let entry = PolicyRegistry.all.first { $0.name == options.policy.name }
    let usual = entry?.options.first { $0.key == "budget" }?.defaultValue
    budget = (options.policy["budget"] ?? usual).flatMap { Budget($0) }
  }

  /// The entries of every head of each store that stay of a prompt of `tokens`.
  func kept(of tokens: Int) -> [Int]? {
    budget.map { budget in
      let allHeads = layout.stores.reduce(0) { $0 + $1.heads }
      return layout.stores.enumerated().map { index, store in
        let place = StorePlace(
          store: index, stores: layout.stores.count, heads: store.heads, allHeads: allHeads,
          pageEntries: PageShape.entries, pageBytes: options.formats.pageShape(of: store).bytes,
          stateBytes: layout.stateBytes)
        return min(store.mostEntries(of: tokens), budget.entries(at: place, promptLength: tokens) ?? tokens)
      }
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
      sum = Checked.sum(
        sum, Checked.product(store.heads, options.formats.bytesPerEntry(of: store), entries, batch))
    }
    return sum
  }

  /// Bytes of the pages of all sequences, each head of a store having that store's number of entries; `nil`: too many.
  func bytes(entries: [Int]) -> Int? {
    var sum = Checked.product(layout.stateBytes, batch)
    for (store, entries) in zip(layout.stores, entries) {
      let pages = entries / PageShape.entries + (entries.isMultiple(of: PageShape.entries) ? 0 : 1)
      sum = Checked.sum(
        sum, Checked.product(store.heads, pages, options.formats.pageShape(of: store).bytes, batch))
    }
    return sum
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
