/// For each entry, which of the newest queries gave it at least an even share of their attention: a bit per query.
///
/// A sum of attention over the newest queries would need every one of its terms to forget the oldest, 4 bytes per query
/// and entry; a count needs a bit.
public struct AttentionCount: Sendable, Hashable {
  /// The newest queries that are counted; 0: not recorded.
  public private(set) var queries = 0
  /// `wordsPerEntry` words per entry; query `i` has bit `i mod queries`.
  package private(set) var words: ContiguousArray<UInt64> = []

  /// Nothing is recorded.
  public init() {}

  /// The counts of a file, `wordsPerEntry(queries)` words per entry.
  package init(queries: Int, words: ContiguousArray<UInt64>) {
    self.queries = queries
    self.words = words
  }

  /// Words that an entry takes.
  package static func wordsPerEntry(_ queries: Int) -> Int { (queries + 63) / 64 }

  /// Whether nothing is recorded.
  public var isEmpty: Bool { words.isEmpty }

  private var wordsPerEntry: Int { Self.wordsPerEntry(queries) }

  /// How many of the newest queries gave `entry` an even share.
  public subscript(entry: Int) -> Int {
    range(entry).reduce(0) { $0 + words[$1].nonzeroBitCount }
  }

  /// Adds `count` entries that no query has met yet.
  public mutating func append(_ count: Int, queries: Int) {
    self.queries = queries
    words.append(contentsOf: repeatElement(0, count: count * wordsPerEntry))
  }

  /// Notes what `count` queries, from query number `first` on, gave to an entry: bit `i` for query `first + i`.
  public mutating func note(_ bits: UInt32, of count: Int, from first: Int, entry: Int) {
    var bits = UInt64(bits)
    var left = count
    var slot = first % queries
    while left > 0 {
      let taken = min(left, 64 - slot % 64, queries - slot)
      let mask = ((UInt64(1) << taken) &- 1) << (slot % 64)
      let word = entry * wordsPerEntry + slot / 64
      words[word] = words[word] & ~mask | (bits << (slot % 64)) & mask
      bits >>= taken
      left -= taken
      slot = (slot + taken) % queries
    }
  }

  /// Notes what query number `query` gave to every entry: `shares` of its attention, which add up to `total`.
  public mutating func note(_ shares: ContiguousArray<Float>, addingUpTo total: Float, of query: Int) {
    let even = total / Float(shares.count)
    for entry in shares.indices { note(shares[entry] >= even ? 1 : 0, of: 1, from: query, entry: entry) }
  }

  /// Counts for `heir` every query that counts for `entry`.
  package mutating func unite(_ entry: Int, with heir: Int) {
    for word in 0..<wordsPerEntry { words[heir * wordsPerEntry + word] |= words[entry * wordsPerEntry + word] }
  }

  /// Makes a change to the words of every entry; nothing where nothing is recorded.
  mutating func make(_ change: ColumnChange) {
    guard !isEmpty else { return }
    switch change {
    case .removal(let entry, let last):
      words.replaceSubrange(range(entry), with: Array(words[range(last)]))
      words.removeSubrange(range(last))
    case .move(let entry, let place):
      let moved = Array(words[range(entry)])
      words.replaceSubrange(range(entry), with: Array(words.suffix(wordsPerEntry)))
      words.removeLast(wordsPerEntry)
      words.insert(contentsOf: moved, at: range(place).lowerBound)
    case .shortening(let count):
      words.removeLast(words.count - count * wordsPerEntry)
    }
  }

  private func range(_ entry: Int) -> Range<Int> { entry * wordsPerEntry..<(entry + 1) * wordsPerEntry }
}
