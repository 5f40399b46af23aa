import KelvinPolicies
import Testing

@Suite("TOVA")
struct TOVATests {
  /// A policy that keeps 4 entries of each head, unless another number is given.
  private func policy(heads: Int, budget: Int = 4) -> TOVA {
    var policy = TOVA(budget: .entries(budget))
    policy.begin(
      at: StorePlace(store: 0, headsOfStores: [heads], pageEntries: 64, pageBytes: 1 << 14), promptLength: 5)
    return policy
  }

  /// The positions that leave each head when a step is over; each holds entries of `positions`.
  private func leaving(
    _ positions: [[Int32]], seen: Int = 6, weights: ContiguousArray<Int32> = [], asking policy: inout TOVA
  ) -> [[Int32]] {
    let heads = positions.enumerated().map { number, positions in
      var head = HeadLedger(number: number)
      head.positions = ContiguousArray(positions)
      head.windowAttention = [ContiguousArray(shares[number])]
      head.mergeWeight = weights
      return head
    }
    var edits = Edits(heads: heads.count)
    policy.review(Ledger(heads: heads, seen: seen), at: .step, edits: &edits)
    return heads.indices.map { head in edits.evictions[head].map { heads[head].positions[$0] }.sorted() }
  }

  private func leaving(_ positions: [[Int32]], budget: Int) -> [[Int32]] {
    var policy = policy(heads: positions.count, budget: budget)
    return leaving(positions, asking: &policy)
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

  @Test("heads that were the same a step ago still are, unless entries merge")
  func next() {
    let positions: [Int32] = [0, 1, 2, 4, 5]
    var policy = policy(heads: 2)
    #expect(leaving([positions, positions], asking: &policy) == [[4], [4]])
    #expect(leaving([[0, 1, 2, 5, 6], [0, 1, 2, 5, 6]], seen: 7, asking: &policy) == [[5], [5]])
    // The second head's 5 was merged into 6, and the first one's 2.
    let merged: [[Int32]] = [[0, 1, 5, 6, 7], [0, 1, 2, 6, 7]]
    #expect(leaving(merged, seen: 8, weights: [1, 1, 1, 2, 1], asking: &policy) == [[1], [2]])
  }

  /// As where heads share a budget, and each loses what it can spare.
  @Test("who asks for scores alone may let different entries leave, and heads are compared again")
  func scoresAlone() {
    var policy = policy(heads: 2)
    func prepare(_ positions: [[Int32]], seen: Int) {
      let heads = positions.enumerated().map { number, positions in
        var head = HeadLedger(number: number)
        head.positions = ContiguousArray(positions)
        head.windowAttention = [ContiguousArray(shares[number])]
        return head
      }
      policy.prepare(Ledger(heads: heads, seen: seen), at: .step)
    }
    prepare([[0, 1, 2, 4, 5], [0, 1, 2, 4, 5]], seen: 6)
    #expect(policy.choosesForAllHeads)
    prepare([[0, 2, 4, 5, 6], [0, 1, 4, 5, 6]], seen: 7)
    #expect(!policy.choosesForAllHeads)
  }
}
