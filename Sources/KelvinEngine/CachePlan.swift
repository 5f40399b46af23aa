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
  /// Tokens of every sequence's prompt.
  public let tokens: Int
  /// Tokens that every sequence generates after it.
  public let generated: Int
  /// Sequences.
  public let batch: Int
  /// Bytes of the full cache's entries.
  public let entryBytes: Int
  /// Bytes of the full cache in whole pages, which is what the allocator takes.
  public let fullBytes: Int
  /// The entries that the policy leaves in a head of each store, in the mean over its heads; `nil` where the policy has no
  /// budget.
  public let keptEntries: [Int]?
  /// Bytes of the pages that the policy leaves; those of the full cache where it has no budget.
  public let keptBytes: Int
  /// Whether `keptBytes` are the most there can be: how many entries each head keeps, or how they lie in pages, depends on the
  /// text.
  ///
  /// So it is where heads share a budget out, where entries merge, where a window goes on while the policy does not, and where
  /// newest entries may leave before older ones that are quantised.
  public let keptIsBound: Bool
  /// Bytes that are never exceeded while the prompt is read and tokens are generated.
  public let peakBytes: Int

  /// Counts the bytes of a cache.
  /// - Parameters:
  ///   - layout: the model's.
  ///   - options: the formats, and the policy with its budget.
  ///   - tokens: how many each sequence's prompt has.
  ///   - generated: how many tokens each sequence generates after it; the last is never read, and takes no room.
  ///   - batch: how many sequences there are.
  /// - Throws: `EngineError` for an impossible option, and for sizes whose bytes no machine can count.
  public init(
    layout: CacheLayout, options: CacheOptions, tokens: Int, generated: Int = 0, batch: Int = 1
  ) throws(EngineError) {
    guard tokens > 0 else { throw .invalidOption(option: "tokens", found: "\(tokens)", expected: "at least 1") }
    let estimate = try CacheEstimate(layout: layout, options: options, batch: batch)
    let steps = try Self.steps(of: generated)
    guard let read = Checked.sum(tokens, steps),
      let fullBytes = estimate.bytes(entries: layout.stores.map { $0.mostEntries(of: read) }),
      let entryBytes = estimate.entryBytes(entries: layout.stores.map { $0.mostEntries(of: read) })
    else {
      throw .invalidOption(
        option: "tokens", found: "\(tokens) for each of \(batch) sequences", expected: "bytes that 63 bits can count")
    }
    self.layout = layout
    self.tokens = tokens
    self.generated = generated
    self.batch = batch
    self.entryBytes = entryBytes
    self.fullBytes = fullBytes
    formats = options.formats
    let kept = estimate.kept(of: tokens, steps: steps)
    keptEntries = kept?.map(\.heads.mean)
    keptBytes = kept.flatMap { estimate.bytes($0) } ?? fullBytes
    keptIsBound = kept?.contains(where: \.isBound) ?? false
    peakBytes = estimate.peakBytes(tokens: tokens, steps: steps) ?? fullBytes
  }

  /// Tokens that are read after the prompt: all that are generated but the last.
  private static func steps(of generated: Int) throws(EngineError) -> Int {
    guard (0...Int(Int32.max)).contains(generated) else {
      throw .invalidOption(option: "predict", found: "\(generated)", expected: "0 to \(Int32.max)")
    }
    return max(0, generated - 1)
  }

  /// Tokens of a sequence that are read: the prompt, and all that are generated but the last.
  public var tokensRead: Int { tokens + max(0, generated - 1) }

  /// The longest prompt whose cache stays within `bytes`, and each sequence within the options' limit, while it is read and
  /// `generated` tokens follow; `nil`: any length.
  public static func longestPrompt(
    layout: CacheLayout, options: CacheOptions, generated: Int = 0, batch: Int = 1, bytes: Int
  ) throws(EngineError) -> Int? {
    let estimate = try CacheEstimate(layout: layout, options: options, batch: batch)
    let steps = try steps(of: generated)
    func fits(_ tokens: Int) -> Bool {
      guard let peak = estimate.peakBytes(tokens: tokens, steps: steps) else { return false }
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

  /// The formula of `entryBytes`: `2 · L · H · D · tokens · batch · bytes` where all stores are alike and grow for ever;
  /// where they differ in their heads only, `Σ stores H` stands for `L · H`.
  public var formula: (symbols: String, numbers: String) {
    let isEndless =
      layout.stateBytes == 0 && formats.residual == 0 && layout.stores.allSatisfy { $0.reach == .everything }
    if isEndless, let (symbols, factors) = commonFactors {
      // 8.5 bits are 1.0625 bytes; whole numbers of bytes are written without a fraction.
      let bytes = layout.bitsPerNumber(formats: formats) / 8
      let last = bytes == bytes.rounded() ? String(Int(bytes)) : String(bytes)
      let numbers = factors + ["\(tokensRead)", "\(batch)", last]
      return (symbols + " · tokens · batch · bytes", numbers.joined(separator: " · "))
    }
    if isEndless {
      let factors = [layout.bytesPerToken(formats: formats), tokensRead, batch]
      return (
        "Σ stores H · (Dk · bytes + Dv · bytes) · tokens · batch", factors.map(String.init).joined(separator: " · ")
      )
    }
    var groups: [(bytes: Int, entries: Int, stores: Int)] = []
    func count(_ entries: Int, in formats: EntryFormats, of store: StoreLayout) {
      let bytes = formats.bytesPerEntry(of: store) * store.heads
      if let same = groups.firstIndex(where: { $0.bytes == bytes && $0.entries == entries }) {
        groups[same].stores += 1
      } else {
        groups.append((bytes, entries, 1))
      }
    }
    for store in layout.stores {
      let parts = HeadParts(store.mostEntries(of: tokensRead), .newest(formats.residual))
      if parts.old > 0 || parts.new == 0 { count(parts.old, in: formats, of: store) }
      if parts.new > 0 { count(parts.new, in: formats.newest, of: store) }
    }
    let terms = groups.map { ($0.stores > 1 ? "\($0.stores) · " : "") + "\($0.bytes) · \($0.entries)" }
    let states = layout.stateBytes > 0 ? " + \(layout.stateBytes)" : ""
    return (
      "(Σ stores H · bytes per entry · entries\(states.isEmpty ? "" : " + states")) · batch",
      "(\(terms.joined(separator: " + "))\(states)) · \(batch)"
    )
  }

  /// The numbers that a token takes, as a product, where all stores are alike but for their heads.
  private var commonFactors: (symbols: String, factors: [String])? {
    guard let store = layout.stores.first, layout.states.isEmpty,
      layout.stores.allSatisfy({ $0.keyWidth == store.keyWidth && $0.values == store.values }),
      layout.stores.allSatisfy({ $0.reach == .everything })
    else { return nil }
    let (count, width) = ("\(layout.stores.count)", "\(store.keyWidth)")
    let heads = storesByHeads
    switch store.values {
    case .stored(store.keyWidth) where formats.keys == formats.values && heads.count == 1:
      return ("2 · L · H · D", ["2", count, "\(store.heads)", width])
    case .stored(store.keyWidth) where formats.keys == formats.values:
      let terms = heads.map { ($0.stores > 1 ? "\($0.stores) · " : "") + "\($0.heads)" }
      return ("2 · (Σ stores H) · D", ["2", "(\(terms.joined(separator: " + ")))", width])
    case .prefixOfKey where heads.count == 1 && store.heads == 1:
      return ("L · (Dc + Dr)", [count, width])
    default: return nil
    }
  }

  /// How many stores have how many heads, in the order of the first.
  private var storesByHeads: [(heads: Int, stores: Int)] {
    layout.stores.reduce(into: []) { groups, store in
      if let same = groups.firstIndex(where: { $0.heads == store.heads }) {
        groups[same].stores += 1
      } else {
        groups.append((store.heads, 1))
      }
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
