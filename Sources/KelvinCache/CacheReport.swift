public import KelvinAttention
public import KelvinTensors

/// What a sequence keeps, in entries and exact bytes.
public struct CacheReport: Sendable, Hashable, Encodable {
  /// Entries of the heads.
  public struct Heads: Sendable, Hashable, Encodable {
    /// The head with the fewest.
    public var min: Int
    /// The mean of all heads.
    public var mean: Double
    /// The head with the most.
    public var max: Int

    init(counts: [Int]) {
      min = counts.min() ?? 0
      max = counts.max() ?? 0
      mean = counts.isEmpty ? 0 : Double(counts.reduce(0, +)) / Double(counts.count)
    }
  }

  /// The policy as it was written.
  public var policy: String
  /// The budget as it was written; `nil` where none was.
  public var budget: String?
  /// The format of keys and values.
  public var format: String
  /// Bits of one number of keys and values, the mean of all that is kept, scales included.
  public var bitsPerNumber: Double
  /// Tokens read.
  public var seen: Int
  /// Mean live entries per head.
  public var kept: Double
  /// Entries that left, of all heads.
  public var evicted: Int
  /// Bytes of the pages that it holds, those shared with forks included, and of states.
  public var bytes: Int
  /// Bytes of these pages that another sequence also holds; the pool counts them once.
  public var sharedBytes: Int
  /// Bytes that the full cache would take at this length, in whole pages.
  public var bytesFull: Int
  /// Bytes of states alone, which do not grow: those of retention layers, and of the newest entries of gated stores.
  public var stateBytes: Int
  /// How many entries the heads hold.
  public var heads: Heads
  /// Pages that it holds.
  public var pages: Int

  enum CodingKeys: String, CodingKey {
    case policy, budget, format
    case bitsPerNumber = "bits_per_number"
    case seen, kept, evicted, bytes
    case sharedBytes = "shared_bytes"
    case bytesFull = "bytes_full"
    case stateBytes = "bytes_states"
    case heads, pages
  }

  /// Writes every key; a budget that was not written is `null`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(policy, forKey: .policy)
    try container.encode(budget, forKey: .budget)
    try container.encode(format, forKey: .format)
    try container.encode(bitsPerNumber, forKey: .bitsPerNumber)
    try container.encode(seen, forKey: .seen)
    try container.encode(kept, forKey: .kept)
    try container.encode(evicted, forKey: .evicted)
    try container.encode(bytes, forKey: .bytes)
    try container.encode(sharedBytes, forKey: .sharedBytes)
    try container.encode(bytesFull, forKey: .bytesFull)
    try container.encode(stateBytes, forKey: .stateBytes)
    try container.encode(heads, forKey: .heads)
    try container.encode(pages, forKey: .pages)
  }
}

extension EntryFormats {
  /// The page of one head of a store.
  public func pageShape(of store: StoreLayout) -> PageShape {
    switch store.values {
    case .stored(let width):
      return PageShape(keyWidth: store.keyWidth, valueWidth: width, keyFormat: keys, valueFormat: values)
    case .prefixOfKey(let width):
      // A prefix that ends inside a spread block is read to the end of the block, to be gathered again.
      let block = keys.isQuantised ? EntryFormat.spreadBlock(width: store.keyWidth) : 1
      return PageShape(
        keyWidth: store.keyWidth, valueWidth: (width + block - 1) / block * block, sharedFormat: keys)
    }
  }

  /// Bytes of one entry of one head of a store, if it is not among the newest.
  package func bytesPerEntry(of store: StoreLayout) -> Int {
    switch store.values {
    case .stored(let width): keys.bytes(count: store.keyWidth) + values.bytes(count: width)
    case .prefixOfKey: keys.bytes(count: store.keyWidth)
    }
  }
}

extension CacheLayout {
  /// Bytes of the pages that the full cache takes for one sequence of `tokens` tokens.
  public func fullBytes(formats: EntryFormats, tokens: Int) -> Int {
    stores.reduce(stateBytes) { bytes, store in
      let shape = formats.pageShape(of: store)
      let entries = store.mostEntries(of: tokens)
      let newest = min(entries, formats.residual)
      func pages(_ entries: Int) -> Int { (entries + PageShape.entries - 1) / PageShape.entries }
      return bytes + store.heads * (pages(entries - newest) * shape.bytes + pages(newest) * shape.unquantised.bytes)
    }
  }

  /// Bytes of what does not grow with the number of tokens: the states of retention layers, and of gated stores the tokens
  /// that newest entries are the means of, each with its weight.
  public var stateBytes: Int {
    let retained = states.reduce(0) { $0 + $1.numbers }
    let open = stores.reduce(0) { sum, store in
      sum + (store.gating?.window ?? 0) * store.heads * (store.keyWidth + store.valueWidth + 1)
    }
    return (retained + open) * MemoryLayout<Float>.size
  }

  /// Bytes of the entries of one token in every store when it is not among the newest, without the rounding to pages.
  public func bytesPerToken(formats: EntryFormats) -> Int {
    stores.reduce(0) { $0 + $1.heads * formats.bytesPerEntry(of: $1) }
  }

  /// Bits of one number of keys and values, the mean of all stores, scales included; not of the newest entries.
  public func bitsPerNumber(formats: EntryFormats) -> Double {
    let numbers = stores.reduce(0) { $0 + $1.heads * $1.numbersPerEntry }
    return numbers == 0 ? 0 : Double(bytesPerToken(formats: formats) * 8) / Double(numbers)
  }
}
