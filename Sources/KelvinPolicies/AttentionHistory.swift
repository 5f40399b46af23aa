/// For each entry, the attention received from the newest queries, in sums that are forgotten one after another.
///
/// An exact sum over the newest `m` queries needs each of its terms to forget the oldest, 4 bytes per query and entry, more
/// than the entry itself takes. So queries are summed in blocks of `s = ⌈m/8⌉`, of which the newest `b = ⌈m/s⌉` are kept, the
/// block of the newest query among them:
///
///     counted after query t: every query i with ⌊i/s⌋ > ⌊t/s⌋ − b
///
/// That is `m` queries, rounded up to whole blocks, when a block is full, and up to `s − 1` fewer while it fills. With
/// `m ≤ 8` a block is one query, and the sum is that of exactly the newest `m`.
public struct AttentionHistory: Sendable, Hashable {
  private static let mostBlocks = 8

  /// The newest queries that are summed, `m`; 0: not recorded.
  public private(set) var queries = 0
  /// For each block of the ring an element per entry; query `i` belongs to block `⌊i/s⌋ mod b`.
  package private(set) var sums: [ContiguousArray<Float>] = []

  /// Nothing is recorded.
  public init() {}

  /// The sums of a file, one column per block.
  package init(queries: Int, sums: [ContiguousArray<Float>]) {
    self.queries = queries
    self.sums = sums
  }

  /// Queries of one block, `s`.
  package static func span(of queries: Int) -> Int { (queries + mostBlocks - 1) / mostBlocks }

  /// Blocks of the ring, `b`; none where nothing is recorded.
  package static func blocks(of queries: Int) -> Int {
    queries == 0 ? 0 : (queries + span(of: queries) - 1) / span(of: queries)
  }

  /// The oldest query that counts when `newest` is the newest.
  public static func firstCounted(of queries: Int, newest: Int) -> Int {
    max(0, (newest / span(of: queries) - blocks(of: queries) + 1) * span(of: queries))
  }

  /// Whether nothing is recorded.
  public var isEmpty: Bool { sums.isEmpty }

  /// What `entry` received from the newest queries.
  public subscript(entry: Int) -> Float { sums.reduce(0) { $0 + $1[entry] } }

  /// Adds `count` entries that no query has met yet, and begins the blocks of as many new queries, from number `first` on.
  public mutating func append(_ count: Int, from first: Int, queries: Int) {
    if sums.isEmpty { sums = Array(repeating: [], count: Self.blocks(of: queries)) }
    begin(count, from: first, queries: queries)
    for block in sums.indices { sums[block].append(contentsOf: repeatElement(0, count: count)) }
  }

  /// Lets an entry that no query has met yet take the place of another, and begins the block of query number `first`.
  mutating func replace(_ entry: Int, from first: Int) {
    begin(1, from: first, queries: queries)
    for block in sums.indices { sums[block][entry] = 0 }
  }

  /// Empties the blocks that begin with one of `count` queries.
  private mutating func begin(_ count: Int, from first: Int, queries: Int) {
    self.queries = queries
    let span = Self.span(of: queries)
    let newest = (first + count - 1) / span
    for begun in stride(from: max((first + span - 1) / span, newest - sums.count + 1), through: newest, by: 1) {
      clear(begun % sums.count)
    }
  }

  /// Calls `body` with the sums of the block that query number `query` belongs to, an element per entry.
  public mutating func withSums(of query: Int, _ body: (inout ContiguousArray<Float>) -> Void) {
    body(&sums[query / Self.span(of: queries) % sums.count])
  }

  /// Adds one of `count` equal parts of what another history of the same entries and queries holds.
  package mutating func add(_ other: AttentionHistory, oneOf count: Int) {
    for block in other.sums.indices {
      for entry in other.sums[block].indices { sums[block][entry] += other.sums[block][entry] / Float(count) }
    }
  }

  /// Gives what `entry` received to `heir` as well.
  package mutating func unite(_ entry: Int, with heir: Int) {
    for block in sums.indices { sums[block][heir] += sums[block][entry] }
  }

  mutating func make(_ change: ColumnChange) {
    for block in sums.indices { sums[block].make(change) }
  }

  private mutating func clear(_ block: Int) {
    for entry in sums[block].indices { sums[block][entry] = 0 }
  }
}
