import KelvinPolicies
import Testing

@Suite("Scissorhands keeps the newest entries and those that mattered to most of the newest queries")
struct ScissorhandsTests {
  /// Eight entries at positions 0 to 7 that mattered so often to the last queries, out of 40.
  private func ledger(_ counts: [Int]) -> Ledger {
    var ledger = Ledger(positions: (0..<8).map { Int32($0) })
    ledger.heads[0].attentionCount.append(8, queries: 40)
    for (entry, count) in counts.enumerated() {
      for query in 0..<count { ledger.heads[0].attentionCount.note(1, of: 1, from: query, entry: entry) }
    }
    return ledger
  }

  @Test("the newest ten stay, the rest of the budget goes to the highest counts")
  func counts() {
    var policy = Scissorhands(budget: .entries(5), recent: 2)
    #expect(policy.survivors(of: ledger([3, 9, 1, 7, 7, 2, 0, 0])) == [1, 3, 4, 6, 7])
    var usual = Scissorhands(budget: .entries(5))
    #expect(usual.survivors(of: ledger([3, 9, 1, 7, 7, 2, 0, 0])) == [3, 4, 5, 6, 7])
  }

  @Test("of equal counts the older entry stays")
  func ties() {
    var policy = Scissorhands(budget: .entries(3), recent: 1)
    #expect(policy.survivors(of: ledger([4, 4, 4, 4, 4, 4, 4, 4])) == [0, 1, 7])
  }

  @Test("it asks for a count, of 400 queries unless told otherwise")
  func asks() throws {
    #expect(Scissorhands(budget: .entries(4)).records == Records(attentionCount: 400))
    let shorter = try PolicyRegistry.make(PolicySpecification("scissorhands:history=40"))
    #expect(shorter.records == Records(attentionCount: 40))
  }

  @Test("a window of no queries, or of more than 4096, is refused", arguments: ["0", "4097", "-1", "x"])
  func history(_ text: String) {
    #expect(
      throws: PolicyError.impossible(
        policy: "scissorhands", option: "history", found: text, expected: "a count from 1 to 4096")
    ) { try PolicyRegistry.make(PolicySpecification("scissorhands:history=\(text)")) }
  }
}
