/// For each entry, which of the newest queries gave it at least an even share of their attention: a bit per query.
///
/// A sum of attention over the newest queries would need every one of its terms to forget the oldest, 4 bytes per query
/// and entry; a count needs a bit. A query's bits of all entries lie in one column of words, so that a step reads and writes one
/// of them; the number of bits is kept, or choosing would read them all (with one word after the other a step with
/// `scissorhands` and 1600 entries took 1.4 times as long as with `full`).
public struct AttentionCount: Sendable, Hashable {
  /// The newest queries that are counted; 0: not recorded.
  public private(set) var queries = 0
  /// `⌈queries/64⌉` columns of a word per entry; query `i` has bit `i mod queries`.
  private var words: [ContiguousArray<UInt64>] = []
  /// How many of the newest queries gave each entry an even share: the number of its bits.
  public private(set) var counts: ContiguousArray<Float> = []

  /// Nothing is recorded.
  public init() {}

  /// The counts of a file, `wordsPerEntry(queries)` words per entry.
  package init(queries: Int, entryWords: ContiguousArray<UInt64>) {
    self.queries = queries
    let columns = Self.wordsPerEntry(queries)
    words = (0..<columns).map { column in
      ContiguousArray(stride(from: column, to: entryWords.count, by: columns).map { entryWords[$0] })
    }
    counts = ContiguousArray((0..<entryWords.count / columns).map(countBits))
  }

  /// Words that an entry takes.
  package static func wordsPerEntry(_ queries: Int) -> Int { (queries + 63) / 64 }

  /// The words of every entry, one entry after the other.
  package var entryWords: ContiguousArray<UInt64> {
    ContiguousArray(counts.indices.flatMap { entry in words.map { $0[entry] } })
  }

  /// Whether nothing is recorded.
  public var isEmpty: Bool { counts.isEmpty }

  /// How many of the newest queries gave `entry` an even share.
  public subscript(entry: Int) -> Int { Int(counts[entry]) }

  /// Adds `count` entries that no query has met yet.
  public mutating func append(_ count: Int, queries: Int) {
    self.queries = queries
    if words.isEmpty { words = Array(repeating: [], count: Self.wordsPerEntry(queries)) }
    for column in words.indices { words[column].append(contentsOf: repeatElement(0, count: count)) }
    counts.append(contentsOf: repeatElement(0, count: count))
  }

  /// Lets an entry that no query has met yet take the place of another.
  mutating func replace(_ entry: Int) {
    for column in words.indices { words[column][entry] = 0 }
    counts[entry] = 0
  }

  /// Notes what `count` queries, from query number `first` on, gave to an entry: bit `i` for query `first + i`.
  public mutating func note(_ bits: UInt32, of count: Int, from first: Int, entry: Int) {
    var bits = UInt64(bits)
    var left = count
    var slot = first % queries
    while left > 0 {
      let taken = min(left, 64 - slot % 64, queries - slot)
      let mask = ((UInt64(1) << taken) &- 1) << (slot % 64)
      let word = words[slot / 64][entry]
      let noted = word & ~mask | (bits << (slot % 64)) & mask
      words[slot / 64][entry] = noted
      counts[entry] += Float(noted.nonzeroBitCount - word.nonzeroBitCount)
      bits >>= taken
      left -= taken
      slot = (slot + taken) % queries
    }
  }

  /// Calls `body` with the words that hold the bit of query number `query`, the number of the bit, and the counts of bits.
  public mutating func withWords(
    of query: Int, _ body: (inout ContiguousArray<UInt64>, Int, inout ContiguousArray<Float>) -> Void
  ) {
    let slot = query % queries
    body(&words[slot / 64], slot % 64, &counts)
  }

  /// The words that hold the bit of query number `query`.
  public func words(of query: Int) -> ContiguousArray<UInt64> { words[query % queries / 64] }

  /// Counts for `heir` every query that counts for `entry`.
  package mutating func unite(_ entry: Int, with heir: Int) {
    for column in words.indices { words[column][heir] |= words[column][entry] }
    counts[heir] = countBits(heir)
  }

  /// Makes a change to every column; nothing where nothing is recorded.
  mutating func make(_ change: ColumnChange) {
    for column in words.indices { words[column].make(change) }
    counts.make(change)
  }

  private func countBits(_ entry: Int) -> Float { Float(words.reduce(0) { $0 + $1[entry].nonzeroBitCount }) }
}
