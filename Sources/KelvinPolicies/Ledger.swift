/// What is written down about the entries of one store, head by head.
public struct Ledger: Sendable {
  /// The columns of each head.
  public var heads: [HeadLedger]
  /// Tokens seen so far; never shrinks.
  public var seen: Int

  /// The columns of `heads` after `seen` tokens.
  public init(heads: [HeadLedger], seen: Int) {
    self.heads = heads
    self.seen = seen
  }
}

/// The columns of one head: element `j` of each is about entry `j`.
///
/// Entries are a bag: their order means nothing. Columns that were not asked for are empty.
public struct HeadLedger: Sendable {
  /// The head's number among all heads of all stores, from the first layer on.
  public let number: Int
  /// The position each entry was born at; unique within a head.
  public var positions: ContiguousArray<Int32> = []
  /// Attention received so far.
  public var attention: ContiguousArray<Float> = []
  /// ‖k‖₂.
  public var keyNorm: ContiguousArray<Float> = []
  /// ‖v‖₁ or ‖v‖₂, as asked for.
  public var valueNorm: ContiguousArray<Float> = []
  /// ‖W_O v‖₁, mean over the query heads of the group.
  public var outputNorm: ContiguousArray<Float> = []
  /// How many of the newest queries gave the entry at least an even share of their attention.
  public var attentionCount = AttentionCount()
  /// Attention received from the newest queries, mean over the group.
  public var attentionHistory = AttentionHistory()
  /// What kind of token the entry stands for.
  public var kinds: ContiguousArray<EntryKind> = []
  /// The first position whose query does not see the entry: the end of its lifetime.
  ///
  /// Empty where all later queries do.
  public var gone: ContiguousArray<Int32> = []
  /// The tokens that the entry stands for; empty where each stands for one.
  public var mergeWeight: ContiguousArray<Int32> = []
  /// Attention received from the newest queries: for each query head of the group, or their mean.
  ///
  /// Only in a review; empty after it.
  public var windowAttention: [ContiguousArray<Float>] = []
  /// cos(k, mean of the directions of all live keys), in −1...1.
  ///
  /// Only in a review; empty after it.
  public var keySimilarity: ContiguousArray<Float> = []
  /// The share of their attention that queries to come are expected to give, mean over the group; 0 for left-out sinks.
  ///
  /// Only in a review; empty after it.
  public var expectedAttention: ContiguousArray<Float> = []

  /// Empty columns.
  public init(number: Int) {
    self.number = number
  }

  /// Live entries.
  public var count: Int { positions.count }

  /// Adds an entry at each of `newPositions`, with nothing received yet; norms and kinds are added by their columns.
  public mutating func append(_ newPositions: Range<Int32>, recording records: Records) {
    for position in newPositions { positions.append(position) }
    if records.attention { for _ in newPositions { attention.append(0) } }
    if records.attentionCount > 0 { attentionCount.append(newPositions.count, queries: records.attentionCount) }
    guard records.attentionHistory > 0 else { return }
    attentionHistory.append(newPositions.count, from: Int(newPositions.lowerBound), queries: records.attentionHistory)
  }

  /// Empties the columns that are measured for one review.
  public mutating func endReview() {
    if !windowAttention.isEmpty { windowAttention = [] }
    if !keySimilarity.isEmpty { keySimilarity = [] }
    if !expectedAttention.isEmpty { expectedAttention = [] }
  }
}

/// What a review decided: the entries that leave, head by head.
public struct Edits: Sendable {
  /// For each head the entries that leave, in no order until they are sorted.
  public private(set) var evictions: [[Int]]

  /// No decision yet about any of `heads` heads.
  public init(heads: Int) {
    evictions = Array(repeating: [], count: heads)
  }

  /// Says that `entry` of `head` leaves.
  ///
  /// An entry may be named once.
  public mutating func evict(_ entry: Int, head: Int) {
    evictions[head].append(entry)
  }

  /// Puts the entries of every head in order, the last first: each can be taken out without moving those that follow.
  public mutating func sort() {
    for head in evictions.indices where evictions[head].count > 1 { evictions[head].sort(by: >) }
  }

  /// Forgets all decisions and keeps the memory.
  public mutating func removeAll() {
    for head in evictions.indices { evictions[head].removeAll(keepingCapacity: true) }
  }
}
