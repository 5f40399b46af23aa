/// The entries that leave where a few do, as in steps.
///
/// Putting a head's entries in order, twice, in every step took half of the time of a step with 1600 entries.
extension CriticalKV {
  /// The entries of each head that leave, where each holds a few too many at most; `nil`: the whole rule must be asked.
  func leaving(_ ledger: borrowing Ledger) -> [[Int]]? {
    guard let capacity else { return nil }
    var entries: [[Int]] = []
    for head in 0..<ledger.heads.count {
      let surplus = ledger.heads[head].count - capacity
      guard (1...Selection.few).contains(surplus),
        let leaving = leaving(surplus, of: ledger.heads[head], seen: ledger.seen)
      else { return nil }
      entries.append(leaving)
    }
    return entries
  }

  /// Lowest products that are asked whether they belong to the first half, before all of it is put in order.
  private static let asked = 64

  /// The lowest products that do not belong to the first half.
  private func leaving(_ count: Int, of head: HeadLedger, seen: Int) -> [Int]? {
    let (first, window) = (Int32(clamping: sinks), Int32(clamping: seen - 1 - protectedLast))
    var products = LowestScores(
      Self.products(head, queries: Float(seen)), positions: head.positions, first: first, window: window)
    guard seen > protectedLast, products.countInWindow == protectedLast else { return nil }
    var leaving: [Int] = []
    for _ in 0..<Self.asked + count {
      guard let lowest = products.takeLowest(), lowest.score < .infinity else { return nil }
      let found = Self.rank(of: lowest.entry, in: head, first: first, window: window)
      // All but `count` of those that may leave have room.
      if found.rank >= max(0, found.open - count) / 2 { leaving.append(lowest.entry) }
      if leaving.count == count { return leaving }
    }
    return nil
  }

  /// A loop that becomes vectors, as `zip` and `map` do not.
  private static func products(_ head: HeadLedger, queries: Float) -> ContiguousArray<Float> {
    precondition(head.attention.count == head.outputNorm.count, "\(head.attention.count) sums of \(head.count) entries")
    var products = head.attention
    let norms = head.outputNorm.span
    var result = products.mutableSpan
    for entry in 0..<norms.count {
      result[unchecked: entry] = product(result[unchecked: entry], norms[unchecked: entry], queries: queries)
    }
    return products
  }

  /// How many entries may leave, and how many of them come before one: they received more attention, or as much and are older.
  private static func rank(
    of entry: Int, in head: HeadLedger, first: Int32, window: Int32
  ) -> (rank: Int, open: Int) {
    precondition(head.attention.count == head.count, "\(head.attention.count) sums of \(head.count) entries")
    let (positions, attention) = (head.positions.span, head.attention.span)
    // Sums of attention are not negative, so they are ordered like their bits.
    let (sum, position) = (Int32(bitPattern: head.attention[entry].bitPattern), head.positions[entry])
    var (open, before) = (Int32(0), Int32(0))
    for other in 0..<positions.count {
      let place = positions[unchecked: other]
      let isOpen = ~(((window &- place) | (place &- first)) &>> 31)
      let difference = sum &- Int32(bitPattern: attention[unchecked: other].bitPattern)
      let isEqual = ~((difference | (0 &- difference)) &>> 31)
      open &-= isOpen
      before &-= isOpen & ((difference &>> 31) | (isEqual & ((place &- position) &>> 31)))
    }
    return (Int(before), Int(open))
  }
}
