import KelvinPolicies
import Testing

@Suite("AdaptiveHeads shares one budget out to the heads of a layer")
struct AdaptiveHeadsTests {
  /// Two heads of six entries: the first spreads its attention, the second does not.
  private let six: Ledger = {
    let columns: [ContiguousArray<Float>] = [[5, 4, 3, 2, 0, 0], [9, 0.4, 0.3, 0.2, 0, 0]]
    let heads = columns.enumerated().map { number, attention in
      var head = HeadLedger(number: number)
      head.positions = [0, 1, 2, 3, 4, 5]
      head.attention = attention
      return head
    }
    return Ledger(heads: heads, seen: 6)
  }()

  /// The positions that stay in each head, ascending.
  private func survivors(_ policy: some ScoringPolicy) -> [[Int32]] {
    var policy = AdaptiveHeads(policy)
    policy.begin(
      at: StorePlace(store: 0, headsOfStores: [2], pageEntries: 64, pageBytes: 64 * 256), promptLength: six.seen)
    var edits = Edits(heads: 2)
    policy.review(six, at: .promptEnd, edits: &edits)
    return (0..<2).map { head in (0..<6).filter { !edits.evictions[head].contains($0) }.map { Int32($0) } }
  }

  @Test("the highest scores of both heads stay, and the newest entries of each")
  func shares() {
    #expect(
      survivors(ByAttention(budget: .entries(3), protectedFirst: 0, protectedLast: 0)) == [[0, 1, 2, 3], [0, 1]])
    #expect(
      survivors(ByAttention(budget: .entries(3), protectedFirst: 0, protectedLast: 1)) == [[0, 1, 2, 5], [0, 5]])
  }

  @Test("what is protected counts against the budget, as far as that goes: the oldest first, then the newest")
  func protection() {
    #expect(survivors(ByAttention(budget: .entries(2), protectedFirst: 0, protectedLast: 4)) == [[4, 5], [4, 5]])
    #expect(survivors(ByAttention(budget: .entries(2), protectedFirst: 1, protectedLast: 4)) == [[0, 5], [0, 5]])
    #expect(survivors(ByAttention(budget: .entries(2), protectedFirst: 3, protectedLast: 4)) == [[0, 1], [0, 1]])
  }

  @Test("says that heads share, and what each keeps at least")
  func keeps() throws {
    var policy = AdaptiveHeads(H2O(budget: .entries(100)))
    #expect(policy.keeps == nil)
    policy.begin(at: .alone, promptLength: 500)
    let keeps = try #require(policy.keeps)
    #expect(keeps.isShared && keeps.mean == 100 && keeps.least == 50 && keeps.newest == 50)
    var few = AdaptiveHeads(H2O(budget: .entries(100), recent: 3))
    few.begin(at: .alone, promptLength: 500)
    #expect(few.keeps?.least == 20)
    var even = Periodic(H2O(budget: .entries(100), when: .decode), every: 4)
    even.begin(at: .alone, promptLength: 500)
    #expect(even.keeps?.period == 4 && even.keeps?.when == .decode && even.keeps?.isShared == false)
  }
}
