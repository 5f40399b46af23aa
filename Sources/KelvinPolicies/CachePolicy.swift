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
  /// How many entries reviews leave in the heads of a store, once `begin` has told the prompt's length; `nil`: as many as
  /// come, or as many as the text has it.
  var keeps: KeptEntries? { get }
  /// Called when a prompt begins, before any of it is read; again for every further prompt of the sequence.
  mutating func begin(at place: StorePlace, promptLength: Int)
  /// Whether the next review, at `moment`, will read the columns that are measured for reviews only.
  ///
  /// Asked before the pass; where the answer is no, they are not measured.
  func reads(at moment: Moment) -> Bool
  /// Says which entries leave the store.
  mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits)
  /// What reviews have noted for later ones, besides the options and what `begin` fixes; saved with a cache.
  var notes: [Int] { get }
  /// Takes up what the same policy has noted elsewhere; called after `begin`.
  /// - Returns: `false` where these cannot be notes of this policy, as in a forged file.
  mutating func takeUp(_ notes: [Int]) -> Bool
}

extension CachePolicy {
  /// Nothing: every review decides by what it reads.
  public var notes: [Int] { [] }
  /// Takes up nothing.
  public mutating func takeUp(_ notes: [Int]) -> Bool { notes.isEmpty }
}

extension CachePolicy {
  /// As many as come.
  public var keeps: KeptEntries? { nil }
  /// Every review reads its columns.
  public func reads(at moment: Moment) -> Bool { true }
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
  /// The attention received from this many of the newest queries of the latest pass, for each query head (but see
  /// `windowMean`); 0: not recorded.
  public var windowAttention: Int
  /// Whether one column of it is enough, the mean over the query heads of the group.
  public var windowMean: Bool
  /// ‖k‖₂ on arrival.
  public var keyNorm: Bool
  /// How large a value is, on arrival.
  public var valueNorm: ValueNorm?
  /// ‖W_O v‖₁ on arrival, mean over the query heads of the group: how much the value moves the layer's output.
  public var outputNorm: Bool
  /// How many of this many newest queries gave an entry at least an even share of their attention; 0: not recorded.
  public var attentionCount: Int
  /// The attention received from this many of the newest queries of all passes, mean over the group, forgotten in blocks:
  /// `AttentionHistory`; 0: not recorded.
  public var attentionHistory: Int
  /// How alike each key is to the mean of all keys' directions; measured for reviews only, with `keyNorm`.
  public var keySimilarity: Bool
  /// Attention to expect from the queries to come; measured for reviews only.
  public var expectedAttention: ExpectedQueries?
  /// What kind of token an entry stands for.
  public var kinds: Bool

  /// The facts that are `true` or counted.
  public init(
    attention: Bool = false, windowAttention: Int = 0, windowMean: Bool = false, keyNorm: Bool = false,
    valueNorm: ValueNorm? = nil, outputNorm: Bool = false, attentionCount: Int = 0, attentionHistory: Int = 0,
    keySimilarity: Bool = false, expectedAttention: ExpectedQueries? = nil, kinds: Bool = false
  ) {
    self.attention = attention
    self.windowAttention = windowAttention
    self.windowMean = windowMean
    self.keyNorm = keyNorm || keySimilarity
    self.valueNorm = valueNorm
    self.outputNorm = outputNorm
    self.attentionCount = attentionCount
    self.attentionHistory = attentionHistory
    self.keySimilarity = keySimilarity
    self.expectedAttention = expectedAttention
    self.kinds = kinds
  }

  /// Whether a column holds sums or counts over queries, from which no query can be taken out again.
  package var addsUp: Bool {
    attention || attentionHistory > 0 || attentionCount > 0 || expectedAttention != nil
  }

  /// The names of the recorded columns, for lists.
  public var names: [String] {
    let columns = [
      (attention, "attention"), (windowAttention > 0, "windowAttention"), (keyNorm, "keyNorm"),
      (valueNorm != nil, "valueNorm"), (outputNorm, "outputNorm"), (attentionCount > 0, "attentionCount"),
      (attentionHistory > 0, "attentionHistory"), (keySimilarity, "keySimilarity"),
      (expectedAttention != nil, "expectedAttention"), (kinds, "kinds"),
    ]
    return columns.filter(\.0).map(\.1)
  }
}

/// How the size of a value is measured.
public enum ValueNorm: Sendable, Hashable {
  /// ‖v‖₁, the sum of absolute numbers.
  case sum
  /// ‖v‖₂, the length.
  case length
}

/// The queries that are expected: spread as those of the prompt were, at the positions that follow.
public struct ExpectedQueries: Sendable, Hashable {
  /// How many positions to come are averaged over.
  public var future: Int
  /// First tokens that are left out, their queries and their entries, because they are like no other.
  public var sinks: Int

  /// Queries at the next `future` positions, the first `sinks` tokens left out.
  public init(future: Int, sinks: Int) {
    self.future = future
    self.sinks = sinks
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
  /// KV heads of each store of the whole cache.
  public var headsOfStores: [Int]
  /// Entries that one page holds.
  public var pageEntries: Int
  /// Bytes of one page of one head.
  public var pageBytes: Int
  /// The newest entries of a head that lie in pages of their own; 0: none.
  public var tailEntries: Int
  /// Bytes of one of these pages, more than of another.
  public var tailPageBytes: Int
  /// Bytes of the sequence that are no entries and never leave: the states of layers.
  public var stateBytes: Int
  /// Whether the heads of the store share what they may keep, so that each may begin a page of its own.
  public var sharesBudget = false

  /// The place of store `store` among those that have `headsOfStores`.
  public init(
    store: Int, headsOfStores: [Int], pageEntries: Int, pageBytes: Int, tailEntries: Int = 0, tailPageBytes: Int = 0,
    stateBytes: Int = 0
  ) {
    self.store = store
    self.headsOfStores = headsOfStores
    self.pageEntries = pageEntries
    self.pageBytes = pageBytes
    self.tailEntries = tailEntries
    self.tailPageBytes = tailPageBytes
    self.stateBytes = stateBytes
  }

  /// Stores of the whole cache.
  public var stores: Int { headsOfStores.count }
  /// KV heads of this store.
  public var heads: Int { headsOfStores[store] }
  /// KV heads of all stores together.
  public var allHeads: Int { headsOfStores.reduce(0, +) }

  /// The most entries of a head, in the mean where heads share, whose pages never take more than `bytes` a head; a multiple of
  /// a page's where they do not.
  ///
  /// As few as possible of the newest entries may be left, on as many pages as possible: of `64 · (p + t − 1)` entries, `t` of
  /// the pages for the newest, no more than `p` pages are needed for the others. Of `E` entries that `H` heads share, no more
  /// than `(E − H) / 64 + H`.
  func entries(in bytes: Int) -> Int {
    let tailPages = (tailEntries + pageEntries - 1) / pageEntries
    if sharesBudget {
      let pages = (bytes - tailPages * tailPageBytes) * heads / pageBytes
      return max(0, pages - heads) * pageEntries / heads + 1
    }
    guard tailPages > 0 else { return bytes / pageBytes * pageEntries }
    let rest = bytes - tailPages * tailPageBytes
    guard rest < 0 else { return (rest / pageBytes + tailPages - 1) * pageEntries }
    return max(0, bytes - pageBytes) / tailPageBytes * pageEntries
  }
}
