import KelvinAttention
import KelvinPolicies

extension Store {
  /// Makes room for `added` entries in every head, or in none: where a place waits for the one, or behind the last.
  mutating func makeRoom(for added: Int) throws(MemoryError) {
    for head in heads.indices where heads[head].vacancy == nil {
      do {
        try heads[head].grow(by: added)
      } catch {
        for grown in 0..<head where heads[grown].vacancy == nil {
          heads[grown].shorten(to: heads[grown].count - added)
        }
        throw error
      }
    }
    for head in heads { head.firstAdded = head.vacancy ?? head.count - added }
  }

  /// The same entries in the same pages, with a ledger and a policy of their own.
  func fork(formats: EntryFormats, pool: PagePool) -> Store {
    var fork = Store(
      layout: layout, formats: formats, policy: policy, pool: pool, firstHead: ledger.heads.first?.number ?? 0)
    fork.heads = heads.map { $0.fork() }
    fork.ledger = ledger
    fork.evicted = evicted
    fork.segments = segments
    fork.queryStatistics = queryStatistics
    return fork
  }

  /// Removes every entry that the pass from `position` on has added, wherever it lies.
  mutating func removeEntries(from position: Int) {
    for head in heads.indices {
      for entry in ledger.heads[head].positions.indices.reversed()
      where ledger.heads[head].positions[entry] >= position {
        // The pass has written into the page of this entry, so no fork holds it and no copy is needed.
        let last = heads[head].swapRemoveOwned(entry)
        ledger.heads[head].swapRemove(entry, last: last)
      }
      ledger.heads[head].endReview()
    }
    ledger.seen = position
  }

  /// Lets all entries go.
  mutating func clear() {
    shorten(to: 0)
    evicted = 0
    queryStatistics = QueryStatistics()
    segments = OpenSegment.none(of: layout)
  }

  /// Lets all entries but the first `count` of every head go.
  mutating func shorten(to count: Int) {
    for head in heads.indices {
      heads[head].shorten(to: count)
      ledger.heads[head].shorten(to: count)
      ledger.heads[head].endReview()
    }
    ledger.seen = count
  }
}
