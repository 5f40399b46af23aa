import KelvinPolicies
import Testing

@Suite("KeyDiff keeps keys that point somewhere else")
struct KeyDiffTests {
  private var six: Ledger {
    var ledger = Ledger(positions: [0, 1, 2, 3, 4, 5])
    ledger.heads[0].keySimilarity = [0.9, -0.2, 0.5, 0.5, 0.1, 0.99]
    return ledger
  }

  @Test("the keys least like the mean direction stay, and the newest")
  func least() {
    var policy = KeyDiff(budget: .entries(3))
    #expect(policy.survivors(of: six) == [1, 4, 5])
    var authors = KeyDiff(budget: .entries(3), recent: 0)
    #expect(authors.survivors(of: six) == [1, 2, 4])
  }

  @Test("it asks for one column, which is measured when it is going to be read")
  func asks() {
    var policy = KeyDiff(budget: .entries(3), when: .prefill)
    #expect(policy.records == Records(keySimilarity: true))
    policy.begin(at: .alone, promptLength: 8)
    #expect(policy.reads(at: .promptEnd))
    #expect(!policy.reads(at: .step))
    var unbounded = KeyDiff(budget: .unbounded)
    unbounded.begin(at: .alone, promptLength: 8)
    #expect(!unbounded.reads(at: .promptEnd))
  }

  @Test("reviewed every third step, it reads its column in the prompt and every third step")
  func pace() {
    var policy = Periodic(KeyDiff(budget: .entries(8)), every: 3)
    policy.begin(at: .alone, promptLength: 6)
    #expect(policy.reads(at: .promptEnd))
    var readings: [Bool] = []
    for _ in 0..<6 {
      readings.append(policy.reads(at: .step))
      var edits = Edits(heads: 1)
      policy.review(six, at: .step, edits: &edits)
    }
    #expect(readings == [false, false, true, false, false, true])
  }
}
