import KelvinAttention
import KelvinPolicies
import KelvinTensors

/// Where the newest entries of a head stay in f16, a pass reads its own entries unrounded; when it is over, all but the
/// newest are quantised.
extension Store {
  /// Moves all but the `residual` newest entries of every head from its tail to its body, oldest first.
  ///
  /// An entry is in one of the two at any time, so where pages run out nothing is lost.
  mutating func settle(on processor: Processor) throws(MemoryError) {
    guard residual > 0 else { return }
    let key = processor.tensor(rows: 1, columns: shape.keyWidth)
    let value = processor.tensor(rows: 1, columns: shape.valueWidth)
    for head in heads.indices {
      let entries = heads[head]
      // Ranked queries find sinks at the front. Where not all of them settle, the last one goes first: the others stay in front.
      let sinks = entries.tail.count - residual < sinks - entries.body.count ? sinks : 0
      while entries.tail.count > residual {
        let place = entries.body.count
        let oldest = ledger.heads[head].oldest(from: place, sinks: sinks)
        try entries.settle(oldest, key: key, value: value, kernels: processor.kernels)
        ledger.heads[head].settle(oldest, at: place)
      }
    }
  }

  /// Whether entries have been quantised that were once in f16.
  var hasSettled: Bool { residual > 0 && heads.contains { $0.body.count > 0 } }

  /// The sinks that ranked queries read: the first entries, in any order.
  private var sinks: Int {
    if case .compacted(let count) = policy.places { count } else { 0 }
  }

  /// Removes an entry and its line in the ledger.
  mutating func remove(_ entry: Int, head: Int) throws(MemoryError) {
    let last = try heads[head].swapRemove(entry)
    ledger.heads[head].swapRemove(entry, last: last)
  }

  /// The positions of the entries in the tail of every head, ascending.
  var tailPositions: [[Int32]] {
    zip(heads, ledger.heads).map { head, ledger in ledger.positions.suffix(head.tail.count).sorted() }
  }
}

extension HeadLedger {
  /// The entry that was born first, of those from `first` on; the first `sinks` positions are as old as each other, and the
  /// last of them is taken.
  fileprivate func oldest(from first: Int, sinks: Int) -> Int {
    var oldest = first
    var least = Int32.max
    for entry in first..<count {
      let position = max(positions[entry], Int32(clamping: sinks - 1))
      guard position <= least else { continue }
      (oldest, least) = (entry, position)
    }
    return oldest
  }
}
