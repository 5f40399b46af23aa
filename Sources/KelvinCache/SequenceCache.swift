public import KelvinAttention
public import KelvinPolicies
public import KelvinTensors

/// What one sequence remembers: a store of entries per layer, in pages, looked after by a policy.
///
/// A pass is announced by `expect`, then the model reads it, layer by layer. Entries belong to exactly one sequence; the
/// compiler enforces it.
public struct SequenceCache: ~Copyable, AttentionMemory {
  /// The model's layout.
  public let layout: CacheLayout
  /// How keys and values are written.
  public let formats: EntryFormats
  /// Tokens read so far, those of the announced pass included; never shrinks.
  public private(set) var seen = 0
  /// The positions of the announced pass.
  public private(set) var positions: [Int32] = []
  /// The policy as it was asked for; the stores hold copies of their own.
  let policy: any CachePolicy
  /// Where the pages come from.
  public let pagePool: PagePool
  private var stores: [StoreBox]
  private var promptLength = 0
  private var moment = Moment.promptEnd
  private var angles = RotaryAngles()

  /// A store behind a reference, because arrays cannot hold what cannot be copied.
  private final class StoreBox {
    var store: Store
    init(_ store: consuming Store) { self.store = store }
  }

  /// An empty cache.
  /// - Parameters:
  ///   - layout: the model's.
  ///   - formats: how keys and values are written; each fits its width.
  ///   - policy: which entries stay; each store gets a copy.
  ///   - pool: where pages come from.
  public init(layout: CacheLayout, formats: EntryFormats, policy: any CachePolicy, pool: PagePool) {
    precondition(
      layout.stores.allSatisfy { $0.reach == .everything && !$0.isGated && $0.values == .stored(width: $0.valueWidth) },
      "a layout with windows, gates or shared values, which this cache does not hold")
    self.layout = layout
    self.formats = formats
    self.policy = policy
    pagePool = pool
    var firstHead = 0
    stores = []
    for store in layout.stores {
      stores.append(
        StoreBox(
          Store(
            layout: store, shape: formats.pageShape(of: store), policy: policy, pool: pool, firstHead: firstHead)))
      firstHead += store.heads
    }
  }

  /// All rows of a pass, which belong to the one sequence.
  public var segments: [Range<Int>] { [0..<positions.count] }

  /// Says that a prompt of `length` tokens begins.
  ///
  /// Budgets that are a share of the prompt are fixed by it: a share of all tokens that the sequence will have seen when
  /// the prompt ends.
  public mutating func beginPrompt(length: Int) {
    promptLength = seen + length
    let allHeads = layout.stores.reduce(0) { $0 + $1.heads }
    for (index, box) in stores.enumerated() {
      let place = StorePlace(
        store: index, stores: stores.count, heads: box.store.layout.heads, allHeads: allHeads,
        pageEntries: PageShape.entries, pageBytes: box.store.shape.bytes)
      box.store.policy.begin(at: place, promptLength: promptLength)
    }
  }

  /// Announces a pass over the next `count` tokens.
  /// - Parameters:
  ///   - count: how many tokens.
  ///   - kinds: of the tokens, for policies that record them.
  ///   - reviewsChunks: whether entries may leave before the prompt is over. Memory then never exceeds the budget
  ///   and one chunk, and methods that observe attention decide on less of it than the whole prompt.
  public mutating func expect(_ count: Int, kinds: [EntryKind] = [], reviewsChunks: Bool = false) {
    self.kinds = kinds
    positions = (seen..<seen + count).map { Int32($0) }
    seen += count
    moment = seen > promptLength ? .step : seen == promptLength ? .promptEnd : .promptChunk
    isReviewed = moment != .promptChunk || reviewsChunks
  }
  private var isReviewed = true
  private var kinds: [EntryKind] = []

  /// Adds the entries of one layer, attends, and lets the policy review its store.
  public mutating func attend(
    _ queries: Tensor, adding entries: NewEntries?, layer: Int, scale: Float
  ) throws(MemoryError) -> Tensor {
    let box = stores[layout.storeOfLayer[layer]]
    let store = box.store.layout
    let processor = queries.processor
    let first = seen - positions.count
    let before = box.store.heads.first?.pages.count ?? 0
    box.store.ledger.seen = seen
    if let entries, let values = entries.values {
      let spreadValues = formats.values.isQuantised ? spread(values, width: store.valueWidth) : values
      try box.store.append(
        placed(entries.keys, at: first, in: store), spreadValues, at: first, kernels: processor.kernels)
      box.store.record(norms: entries.keys, values, kinds: kinds)
    }
    let rotated = placed(queries, at: first, in: store)
    var ranked: Tensor?
    var sinks = 0
    if case .compacted(let count) = policy.places, count > 0, before < first {
      ranked = placed(queries, at: before, in: store)
      sinks = count
    }
    let pass = AttentionPass(
      processor: processor, queries: rotated, ranked: sinks > 0 ? ranked : nil, sinks: sinks, scale: scale,
      layout: store, observesWindow: isReviewed)
    let output = pass(&box.store)
    if formats.values.isQuantised { processor.hadamard(output, width: store.valueWidth) }
    if isReviewed { box.store.review(at: moment, kernels: processor.kernels) }
    return output
  }

  /// Keys or queries as they meet in the store: every head turned to consecutive positions from `position` on, and spread
  /// where keys are quantised.
  private mutating func placed(_ tensor: Tensor, at position: Int, in store: StoreLayout) -> Tensor {
    let turned = turned(tensor, width: store.keyWidth, at: position, rotary: store.rotary)
    return formats.keys.isQuantised ? spread(turned, width: store.keyWidth) : turned
  }

  /// A copy of `tensor` whose heads are spread over their neighbours.
  ///
  /// A number far from the others would make the steps of its
  /// block coarse; after spreading there is none.
  private func spread(_ tensor: Tensor, width: Int) -> Tensor {
    let result = tensor[rows: 0..<tensor.rows]
    tensor.processor.hadamard(result, width: width)
    return result
  }

  /// A copy of `tensor` with every head turned to consecutive positions from `position` on.
  private mutating func turned(_ tensor: Tensor, width: Int, at position: Int, rotary: Rotary?) -> Tensor {
    guard let rotary else { return tensor }
    let result = tensor[rows: 0..<tensor.rows]
    let (cosines, sines) = angles[rotary, position..<position + tensor.rows]
    tensor.processor.rotate(
      result, heads: tensor.columns / width, width: width, cosines: cosines, sines: sines,
      adjacent: rotary.pairs == .adjacent)
    return result
  }

  /// The original positions of the live entries, ascending: `[store][head]`.
  public var keptPositions: [[[Int32]]] {
    stores.map { box in box.store.ledger.heads.map { $0.positions.sorted() } }
  }

  /// The ledger of one store, as its policy would read it.
  public func ledger(store: Int) -> Ledger { stores[store].store.ledger }

  /// What is kept now.
  /// - Parameters:
  ///   - name: the policy as it was written.
  ///   - budget: the budget as it was written, where one was.
  public func report(policy name: String, budget: String?) -> CacheReport {
    let counts = stores.flatMap { box in box.store.heads.map { $0.pages.count } }
    let bytes = stores.reduce(0) { $0 + $1.store.bytes }
    return CacheReport(
      policy: name, budget: budget, format: formats.description,
      bitsPerNumber: layout.bitsPerNumber(formats: formats), seen: seen,
      kept: counts.isEmpty ? 0 : Double(counts.reduce(0, +)) / Double(counts.count),
      evicted: stores.reduce(0) { $0 + $1.store.evicted }, bytes: bytes,
      bytesFull: layout.fullBytes(formats: formats, tokens: seen),
      heads: .init(counts: counts),
      pages: stores.reduce(0) { $0 + $1.store.heads.reduce(0) { $0 + $1.pages.pageCount } })
  }
}
