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
    let keys = (0..<processor.threads).map { _ in processor.tensor(rows: 1, columns: shape.keyWidth) }
    let values = (0..<processor.threads).map { _ in processor.tensor(rows: 1, columns: shape.valueWidth) }
    let (heads, residual, sinks) = (heads, residual, sinks)
    try ledger.changeHeads(on: processor) { head, ledger, worker throws(MemoryError) in
      try Self.settle(
        heads[head], ledger: &ledger, residual: residual, sinks: sinks, key: keys[worker], value: values[worker],
        kernels: processor.kernels)
    }
  }

  /// Settles one head.
  ///
  /// Who is oldest is found once for all, and the entry that takes a place is remembered with it. Looking again for every
  /// entry, one head after the other, left prompts 0.90 of the speed without a residual; this leaves 0.95
  /// (`kelvin bench -p 2048 -n 0 -r 1 -ctk q4_0 -ctv q4_0 --kv-residual 64`, medians of five pairs).
  private static func settle(
    _ entries: HeadEntries, ledger: inout HeadLedger, residual: Int, sinks: Int, key: Tensor, value: Tensor,
    kernels: Kernels
  ) throws(MemoryError) {
    let first = entries.body.count
    guard entries.tail.count > residual else { return }
    // Ranked queries find sinks at the front. Where not all of them settle, the last one goes first: the others stay in front.
    let sinks = entries.tail.count - residual < sinks - first ? sinks : 0
    var tail = Array(0..<entries.tail.count)
    var places = tail
    for entry in ledger.oldest(entries.tail.count - residual, from: first, sinks: sinks) {
      let place = places[entry]
      try entries.settle(entries.body.count + place, key: key, value: value, kernels: kernels)
      ledger.settle(entries.body.count - 1 + place, at: entries.body.count - 1)
      let last = tail.removeLast()
      guard last != entry else { continue }
      tail[place] = last
      places[last] = place
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
  /// The `count` entries that were born first, of those from `first` on, counted from there, oldest first; the first `sinks`
  /// positions are as old as each other, and the last of them comes first.
  fileprivate func oldest(_ count: Int, from first: Int, sinks: Int) -> ArraySlice<Int> {
    func age(_ entry: Int) -> Int32 { max(positions[first + entry], Int32(clamping: sinks - 1)) }
    return (0..<self.count - first).sorted { age($0) != age($1) ? age($0) < age($1) : $0 > $1 }.prefix(count)
  }
}
