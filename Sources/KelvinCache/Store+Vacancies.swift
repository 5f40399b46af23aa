import KelvinAttention
import KelvinPolicies

/// An entry that leaves in a step leaves a *vacancy*, which the entry of the next step takes: in a steady step no entry moves.
///
/// Moving the last entry into its place waits for 256 lines of memory, many of them in another thread's cache. Whoever looks at a
/// store other than to go on with a step finds it without vacancies: `SequenceCache.StoreBox` closes them before.
extension Store {
  /// Lets one entry leave a head, now or with the next entry of a step.
  ///
  /// At once where the newest queries alone decide, as in TOVA: what stays would hang on the order in which attention adds up.
  mutating func leave(_ entry: Int, head: Int) throws(MemoryError) {
    let canWait = residual == 0 && !layout.endsLifetimes && policy.records.windowAttention == 0
    if canWait, !heads[head].body.wasForked {
      heads[head].vacancy = entry
    } else {
      try remove(entry, head: head)
    }
  }

  /// Moves last entries to the places that wait.
  mutating func closeVacancies() {
    for head in heads.indices {
      guard let place = heads[head].vacancy else { continue }
      heads[head].vacancy = nil
      let last = heads[head].swapRemoveOwned(place)
      ledger.heads[head].swapRemove(place, last: last)
    }
  }
}

extension ContiguousArray {
  /// Writes what is known of a new entry: last, or where it takes the place of another.
  mutating func add(_ element: Element, at place: Int?) {
    if let place { self[place] = element } else { append(element) }
  }
}
