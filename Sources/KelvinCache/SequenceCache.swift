public import KelvinAttention
public import KelvinPolicies
package import KelvinTensors

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
  public internal(set) var seen = 0
  /// The positions of the announced pass.
  public internal(set) var positions: [Int32] = []
  /// The policy as it was asked for; the stores hold copies of their own.
  let policy: any CachePolicy
  /// Where the pages come from.
  public let pagePool: PagePool
  var stores: [StoreBox]
  /// The states of retention layers, each `[H·Dk, Dv]`; none before the first token.
  package internal(set) var states: [Tensor] = []
  /// Their bytes, as the pool counts them, and those of open segments.
  var heldStates: HeldBytes?
  /// The last attention layer that reads each store, and how many do.
  let readers: [(last: Int, count: Int)]
  /// Room for the decisions of one review; one for all stores, so that it stays near.
  var edits: Edits
  /// The store that waits for its review, which is done beside the attention of the next layer.
  var unreviewed: StoreBox?
  var promptLength = 0
  private(set) var moment = Moment.promptEnd
  var angles = RotaryAngles()
  /// Where the expanded latents of one layer live while it attends.
  let scratch = PagePool()
  /// The form in which latents are attended to; `nil`: the cheaper one.
  package var latentForm: LatentForm?

  /// A store behind a reference, because arrays cannot hold what cannot be copied.
  final class StoreBox {
    /// The store as it is between two steps: with vacancies.
    var open: Store
    /// The store without vacancies.
    var store: Store {
      _read {
        open.closeVacancies()
        yield open
      }
      _modify {
        open.closeVacancies()
        yield &open
      }
    }
    init(_ store: consuming Store) { open = store }
  }

  /// An empty cache.
  /// - Parameters:
  ///   - layout: the model's.
  ///   - formats: how keys and values are written; each fits its width, and a residual belongs to quantised ones.
  ///   - policy: which entries stay; each store gets a copy.
  ///   - pool: where pages come from.
  public init(layout: CacheLayout, formats: EntryFormats, policy: any CachePolicy, pool: PagePool) {
    precondition(formats.residual == 0 || layout.stores.allSatisfy(formats.quantises), "\(formats)")
    self.layout = layout
    self.formats = formats
    self.policy = policy
    pagePool = pool
    readers = layout.stores.indices.map { store in
      let layers = layout.storeOfLayer.indices.filter { layout.storeOfLayer[$0] == store }
      return (layers.last ?? 0, max(1, layers.count))
    }
    edits = Edits(heads: layout.stores.map(\.heads).max() ?? 0)
    var firstHead = 0
    stores = []
    for store in layout.stores {
      stores.append(
        StoreBox(
          Store(layout: store, formats: formats, policy: policy, pool: pool, firstHead: firstHead)))
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
    let heads = layout.stores.map(\.heads)
    for (index, box) in stores.enumerated() {
      let place = StorePlace(
        store: index, headsOfStores: heads, pageEntries: PageShape.entries, pageBytes: box.store.shape.bytes,
        tailEntries: formats.residual, tailPageBytes: box.store.shape.unquantised.bytes, stateBytes: layout.stateBytes)
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
  private(set) var isReviewed = true
  private(set) var kinds: [EntryKind] = []

  /// The original positions of the live entries, ascending: `[store][head]`.
  public var keptPositions: [[[Int32]]] {
    stores.map { box in box.store.ledger.heads.map { $0.positions.sorted() } }
  }

  /// The positions of the live entries that are in f16 because they are among the newest, ascending: `[store][head]`.
  public var residualPositions: [[[Int32]]] { stores.map { $0.store.tailPositions } }

  /// The ledger of one store, as its policy would read it.
  public func ledger(store: Int) -> Ledger { stores[store].store.ledger }

  /// Bits of one number of what is kept; of the formats alone while there is nothing.
  private var bitsPerNumber: Double {
    var (bytes, numbers) = (0, 0)
    for box in stores {
      let (old, new) = (formats.bytesPerEntry(of: box.store.layout), formats.newest.bytesPerEntry(of: box.store.layout))
      for head in box.store.heads {
        bytes += head.body.count * old + head.tail.count * (formats.residual > 0 ? new : old)
        numbers += head.count * box.store.layout.numbersPerEntry
      }
    }
    return numbers == 0 ? layout.bitsPerNumber(formats: formats) : Double(bytes * 8) / Double(numbers)
  }

  /// What is kept now.
  /// - Parameters:
  ///   - name: the policy as it was written.
  ///   - budget: the budget as it was written, where one was.
  public func report(policy name: String, budget: String?) -> CacheReport {
    let counts = stores.flatMap { box in box.store.heads.map(\.count) }
    let bytes = stores.reduce(layout.stateBytes) { $0 + $1.store.bytes }
    return CacheReport(
      policy: name, budget: budget, format: formats.description,
      bitsPerNumber: bitsPerNumber, seen: seen,
      kept: counts.isEmpty ? 0 : Double(counts.reduce(0, +)) / Double(counts.count),
      evicted: stores.reduce(0) { $0 + $1.store.evicted }, bytes: bytes,
      sharedBytes: sharedBytes, bytesFull: layout.fullBytes(formats: formats, tokens: seen),
      stateBytes: layout.stateBytes,
      heads: .init(counts: counts),
      pages: stores.reduce(0) { $0 + $1.store.heads.reduce(0) { $0 + $1.pageCount } })
  }
}
