import KelvinAttention
import KelvinPolicies

extension Store {
  /// Makes room for `added` entries in every head, or in none.
  mutating func makeRoom(for added: Int) throws(MemoryError) {
    for head in heads.indices {
      do {
        try heads[head].pages.grow(by: added)
      } catch {
        for grown in 0..<head { heads[grown].pages.shorten(to: heads[grown].pages.count - added) }
        throw error
      }
    }
  }

  /// The same entries in the same pages, with a ledger and a policy of their own.
  func fork(pool: PagePool) -> Store {
    var fork = Store(
      layout: layout, shape: shape, policy: policy, pool: pool, firstHead: ledger.heads.first?.number ?? 0)
    for head in heads.indices { fork.heads[head] = OwnedHead(heads[head].pages.fork()) }
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
        heads[head].pages.swapRemoveOwned(entry)
        ledger.heads[head].swapRemove(entry)
      }
      ledger.heads[head].windowAttention = []
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
      heads[head].pages.shorten(to: count)
      ledger.heads[head].shorten(to: count)
      ledger.heads[head].windowAttention = []
    }
    ledger.seen = count
  }
}
