/// The entry that leaves in a step.
///
/// Putting a head's entries in order, twice, in every step took half of the time of a step with 1600 entries.
extension CriticalKV {
  /// The entry of each head that leaves, where each holds one too many; `nil`: the whole rule must be asked.
  func leaving(_ ledger: borrowing Ledger) -> [Int]? {
    guard let capacity else { return nil }
    var entries: [Int] = []
    for head in 0..<ledger.heads.count {
      guard ledger.heads[head].count == capacity + 1, let entry = leaving(ledger.heads[head], seen: ledger.seen) else {
        return nil
      }
      entries.append(entry)
    }
    return entries
  }

  /// The lowest product, unless it belongs to the first half: then the lowest of the others.
  private func leaving(_ head: HeadLedger, seen: Int) -> Int? {
    let (first, window) = (Int32(clamping: sinks), Int32(clamping: seen - 1 - protectedLast))
    var products = ContiguousArray(
      zip(head.attention, head.outputNorm).map { Self.product($0, $1, queries: Float(seen)) })
    func lowest() -> Int? {
      Selection.lowest(products, positions: head.positions, first: first, newest: seen - 1, last: protectedLast)
    }
    guard let candidate = lowest() else { return nil }
    let (open, above) = Self.count(head, first: first, window: window, above: head.attention[candidate])
    // All but one of those that may leave have room.
    let half = max(0, open - 1) / 2
    if above >= half { return candidate }
    var sums: ContiguousArray<Int32> = []
    sums.reserveCapacity(open)
    for entry in 0..<head.count where head.positions[entry] <= window && head.positions[entry] >= first {
      sums.append(Int32(bitPattern: head.attention[entry].bitPattern))
    }
    let least = Selection.largest(half, of: sums)
    // Where others have as much attention as the last of the half, positions decide.
    guard sums.count(where: { $0 >= least }) == half else { return nil }
    let bound = Float(bitPattern: UInt32(bitPattern: least))
    for entry in products.indices where head.attention[entry] >= bound { products[entry] = .infinity }
    return lowest().flatMap { products[$0] < .infinity ? $0 : nil }
  }

  /// How many entries may leave, and how many of them received more attention.
  private static func count(
    _ head: HeadLedger, first: Int32, window: Int32, above bound: Float
  ) -> (open: Int, above: Int) {
    precondition(head.attention.count == head.count, "\(head.attention.count) sums of \(head.count) entries")
    let (positions, attention) = (head.positions.span, head.attention.span)
    // Sums of attention are not negative, so they are ordered like their bits.
    let bound = Int32(bitPattern: bound.bitPattern)
    var (open, above) = (Int32(0), Int32(0))
    for entry in 0..<positions.count {
      let position = positions[unchecked: entry]
      let isOpen = ~(((window &- position) | (position &- first)) &>> 31)
      open &-= isOpen
      above &-= isOpen & ((bound &- Int32(bitPattern: attention[unchecked: entry].bitPattern)) &>> 31)
    }
    return (Int(open), Int(above))
  }
}
