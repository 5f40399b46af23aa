import KelvinPolicies
import Testing

@Suite("TOVA")
struct TOVATests {
  /// The positions that leave each head when a step is over; each holds entries of `positions`.
  private func leaving(_ positions: [[Int32]], budget: Int) -> [[Int32]] {
    let heads = positions.enumerated().map { number, positions in
      var head = HeadLedger(number: number)
      head.positions = ContiguousArray(positions)
      head.windowAttention = [ContiguousArray(shares[number])]
      return head
    }
    var policy = TOVA(budget: .entries(budget))
    policy.begin(
      at: StorePlace(store: 0, headsOfStores: [heads.count], pageEntries: 64, pageBytes: 1 << 14), promptLength: 5)
    var edits = Edits(heads: heads.count)
    policy.review(Ledger(heads: heads, seen: 6), at: .step, edits: &edits)
    return heads.indices.map { head in edits.evictions[head].map { heads[head].positions[$0] }.sorted() }
  }

  /// The first head alone would let its second entry go, the other its third: their mean is lowest at the fourth.
  private let shares: [[Float]] = [[0.3, 0.0, 0.4, 0.1, 0.2], [0.3, 0.4, 0.0, 0.1, 0.2]]

  @Test("the same entries leave all heads: those with the lowest mean over all of them")
  func together() {
    let positions: [Int32] = [0, 1, 2, 4, 5]
    #expect(leaving([positions, positions], budget: 4) == [[4], [4]])
    // The first two tie: the newer leaves.
    #expect(leaving([positions, positions], budget: 3) == [[2, 4], [2, 4]])
    #expect(leaving([positions], budget: 4) == [[1]])
  }

  @Test("heads that hold different entries go by their own queries")
  func apart() {
    #expect(leaving([[0, 1, 2, 4, 5], [0, 1, 2, 3, 5]], budget: 4) == [[1], [2]])
  }
}
