/// What happens to entries, in all columns alike: storage does the same to its pages, in the same order.
extension HeadLedger {
  /// Removes an entry; `last` takes its place, and those behind `last` move up.
  ///
  /// The last entry of a head that lies in one piece is `count - 1`. Where the newest entries lie apart from the others, it
  /// is the last of the entry's own part.
  public mutating func swapRemove(_ entry: Int, last: Int) {
    precondition(entry <= last && last < count, "entry \(entry) by \(last) of \(count)")
    inEachColumn(.removal(of: entry, by: last))
  }

  /// Lets the entry of a new position take the place of another, with nothing received yet; norms and kinds are set by their
  /// columns.
  public mutating func replace(_ entry: Int, by position: Int32) {
    positions[entry] = position
    if !attention.isEmpty { attention[entry] = 0 }
    if !attentionCount.isEmpty { attentionCount.replace(entry) }
    if !attentionHistory.isEmpty { attentionHistory.replace(entry, from: Int(position)) }
  }

  /// Moves an entry to `place`, which lies before it; the last entry takes the place that it leaves.
  public mutating func settle(_ entry: Int, at place: Int) {
    precondition(place <= entry && entry < count, "entry \(entry) to \(place) of \(count)")
    inEachColumn(.move(of: entry, to: place))
  }

  /// Lets all entries but the first `count` go.
  public mutating func shorten(to count: Int) { inEachColumn(.shortening(to: count)) }

  private mutating func inEachColumn(_ change: ColumnChange) {
    positions.make(change)
    attention.make(change)
    keyNorm.make(change)
    valueNorm.make(change)
    outputNorm.make(change)
    attentionCount.make(change)
    attentionHistory.make(change)
    kinds.make(change)
    gone.make(change)
    mergeWeight.make(change)
    for row in windowAttention.indices { windowAttention[row].make(change) }
  }
}

/// What is done to every column of a head.
enum ColumnChange {
  case removal(of: Int, by: Int)
  case move(of: Int, to: Int)
  case shortening(to: Int)
}

extension ContiguousArray {
  /// Makes a change; a column that is not recorded stays empty.
  mutating func make(_ change: ColumnChange) {
    guard !isEmpty else { return }
    switch change {
    case .removal(let entry, let last):
      self[entry] = self[last]
      remove(at: last)
    case .move(let entry, let place):
      let moved = self[entry]
      self[entry] = self[count - 1]
      removeLast()
      insert(moved, at: place)
    case .shortening(let count):
      removeLast(self.count - count)
    }
  }
}
