/// A method that decides which entries of a cache stay.
///
/// A policy is a small value, one copy per store. It never sees keys or values: it reads a ledger of the facts it asked
/// for in `records`, and says which entries leave. The order inside a step is arrive → attend → review → apply, so a
/// step attends to everything that was alive when it began plus itself, and eviction affects the next step.
public protocol CachePolicy: Sendable {
  /// The facts that the store must write down; nothing else is measured.
  var records: Records { get }
  /// Whether kept entries keep their positions or close ranks.
  var places: Places { get }
  /// Called when a prompt begins, before any of it is read; again for every further prompt of the sequence.
  mutating func begin(at place: StorePlace, promptLength: Int)
  /// Says which entries leave the store.
  mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits)
}

/// The moments at which a store is reviewed.
public enum Moment: Sendable, Hashable {
  /// A chunk of the prompt has been read, and more follows.
  case promptChunk
  /// The whole prompt has been read.
  case promptEnd
  /// A token has been generated or fed after the prompt.
  case step
}

/// Where positions come from when entries have left.
public enum Places: Sendable, Hashable {
  /// Every entry keeps the position it was born at; gaps stay.
  case original
  /// Kept entries close ranks: the first `sinks` stand at `0..<sinks`, the window follows without a gap.
  case compacted(sinks: Int)
}

/// The facts about entries that a policy asks for.
///
/// Positions are always known.
public struct Records: Sendable, Hashable {
  /// The attention received from all queries so far, mean over the query heads of the group.
  public var attention: Bool
  /// The attention received from this many of the newest queries of the latest pass, for each query head; 0: not recorded.
  public var windowAttention: Int
  /// ‖k‖₂ on arrival.
  public var keyNorm: Bool
  /// ‖v‖₁ on arrival.
  public var valueNorm: Bool
  /// What kind of token an entry stands for.
  public var kinds: Bool

  /// The facts that are `true`, and attention from `windowAttention` queries.
  public init(
    attention: Bool = false, windowAttention: Int = 0, keyNorm: Bool = false, valueNorm: Bool = false,
    kinds: Bool = false
  ) {
    self.attention = attention
    self.windowAttention = windowAttention
    self.keyNorm = keyNorm
    self.valueNorm = valueNorm
    self.kinds = kinds
  }

  /// The names of the recorded columns, for lists.
  public var names: [String] {
    let columns = [
      (attention, "attention"), (windowAttention > 0, "windowAttention"), (keyNorm, "keyNorm"),
      (valueNorm, "valueNorm"), (kinds, "kinds"),
    ]
    return columns.filter(\.0).map(\.1)
  }
}

/// What an entry's token is to policies that treat some kinds of text differently.
public enum EntryKind: UInt8, Sendable, Hashable {
  case ordinary, special, punctuation, newline
}

/// Which store of which cache a policy's copy looks after.
public struct StorePlace: Sendable, Hashable {
  /// The store's number, from the first layer on.
  public var store: Int
  /// Stores of the whole cache.
  public var stores: Int
  /// KV heads of this store.
  public var heads: Int
  /// KV heads of all stores together.
  public var allHeads: Int
  /// Entries that one page holds.
  public var pageEntries: Int
  /// Bytes of one page of one head.
  public var pageBytes: Int

  /// The place of store `store` among `stores`.
  public init(store: Int, stores: Int, heads: Int, allHeads: Int, pageEntries: Int, pageBytes: Int) {
    self.store = store
    self.stores = stores
    self.heads = heads
    self.allHeads = allHeads
    self.pageEntries = pageEntries
    self.pageBytes = pageBytes
  }
}
