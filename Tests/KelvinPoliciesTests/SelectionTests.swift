import KelvinPolicies
import TestSupport
import Testing

/// The rule by which entries are chosen, against 200 cases with many ties from an independent implementation.
@Suite("Selection keeps protected entries, then the highest scores")
struct SelectionTests {
  /// `[positions, scores, budget, first, last, keep]`.
  struct Case: Decodable {
    var positions: [Int32]
    var scores: [Float]
    var budget, first, last: Int
    /// The positions that stay, ascending.
    var keep: [Int32]

    init(from decoder: any Decoder) throws {
      var fields = try decoder.unkeyedContainer()
      positions = try fields.decode([Int32].self)
      scores = try fields.decode([Float].self)
      budget = try fields.decode(Int.self)
      first = try fields.decode(Int.self)
      last = try fields.decode(Int.self)
      keep = try fields.decode([Int32].self)
    }
  }

  let cases: [Case]

  init() throws {
    cases = try Fixtures.json("smollm2/selection.json")
    try #require(cases.count == 200)
  }

  @Test("the rule itself keeps what the reference keeps")
  func rule() {
    for example in cases {
      let kept = Selection.keep(
        positions: example.positions, scores: example.scores, budget: example.budget, first: example.first,
        last: example.last)
      #expect(kept.map { example.positions[$0] } == example.keep)
    }
  }

  @Test("a scoring policy evicts exactly the others, in whatever order the entries lie")
  func review() {
    var numbers = SeededNumbers(seed: 1)
    for example in cases {
      let order = Array(example.positions.indices).shuffled(using: &numbers)
      let ledger = Ledger(
        positions: order.map { example.positions[$0] }, attention: order.map { example.scores[$0] })
      var policy = ByAttention(
        budget: .entries(example.budget), protectedFirst: example.first, protectedLast: example.last)
      #expect(policy.survivors(of: ledger) == example.keep)
    }
  }

  @Test("where a few entries are too many, those leave that the rule would not keep", arguments: 1...6)
  func few(_ surplus: Int) {
    var numbers = SeededNumbers(seed: UInt64(1 + surplus))
    for example in 0..<300 {
      let count = surplus + Int(numbers.next() % (example % 9 == 0 ? 300 : 70))
      // Few values, so that many tie, of both signs and both zeros.
      let scores = (0..<count).map { _ in [-3, -1.5, -0.0, 0, 1e-30, 2][Int(numbers.next() % 6)] as Float }
      let (first, last) = (Int(numbers.next() % 4), Int(numbers.next() % UInt64(count + 1)))
      // Gaps, but for the newest; or where `example` is odd anywhere.
      var position: Int32 = -1
      let positions = (0..<count).map { entry -> Int32 in
        position += entry < count - last || example % 2 == 1 ? 1 + Int32(numbers.next() % 3) : 1
        return position
      }
      let order = positions.indices.shuffled(using: &numbers)
      let ledger = Ledger(positions: order.map { positions[$0] }, attention: order.map { scores[$0] })
      var policy = ByAttention(budget: .entries(count - surplus), protectedFirst: first, protectedLast: last)
      let kept = Selection.keep(positions: positions, scores: scores, budget: count - surplus, first: first, last: last)
      #expect(policy.survivors(of: ledger) == kept.map { positions[$0] })
    }
  }

  @Test("protected entries that do not fit: the sinks in order, then the newest")
  func tooManyProtected() {
    let positions: [Int32] = [0, 1, 2, 3, 4, 5, 6, 7]
    let scores: [Float] = [0, 0, 0, 9, 9, 0, 0, 0]
    #expect(Selection.keep(positions: positions, scores: scores, budget: 2, first: 3, last: 2) == [0, 1])
    #expect(Selection.keep(positions: positions, scores: scores, budget: 4, first: 3, last: 2) == [0, 1, 2, 7])
    #expect(Selection.keep(positions: positions, scores: scores, budget: 5, first: 3, last: 2) == [0, 1, 2, 6, 7])
    #expect(Selection.keep(positions: positions, scores: scores, budget: 6, first: 3, last: 2) == [0, 1, 2, 3, 6, 7])
    #expect(Selection.keep(positions: positions, scores: scores, budget: 8, first: 3, last: 2).count == 8)
  }

  @Test("of equal scores the smaller position stays")
  func ties() {
    let positions: [Int32] = [3, 10, 11, 40]
    #expect(Selection.keep(positions: positions, scores: [1, 1, 1, 1], budget: 2, first: 0, last: 0) == [0, 1])
    #expect(Selection.keep(positions: positions, scores: [1, 1, 1, 1], budget: 2, first: 0, last: 1) == [0, 3])
  }

  /// One entry too many is the steady state of a decode step, and has a shorter way; it must not be another rule.
  @Test("the short way for one entry too many evicts what the whole rule evicts, in 20 000 random ledgers")
  func shortWay() {
    var numbers = SeededNumbers(seed: 2)
    for _ in 0..<20_000 {
      let ledger = Self.randomLedger(&numbers)
      let head = ledger.heads[0]
      let first = Int(numbers.next() % 4)
      let last = Int(numbers.next() % 6)
      let order = head.positions.indices.sorted { head.positions[$0] < head.positions[$1] }
      let kept = Selection.keep(
        positions: order.map { head.positions[$0] }, scores: order.map { head.attention[$0] },
        budget: head.count - 1, first: first, last: last)
      var policy = ByAttention(budget: .entries(head.count - 1), protectedFirst: first, protectedLast: last)
      let expected = kept.map { head.positions[order[$0]] }
      #expect(
        policy.survivors(of: ledger) == expected, "\(head.positions), \(head.attention), first \(first), last \(last)")
    }
  }

  /// 2 to 14 entries in any order, with gaps in most, and scores of few values.
  private static func randomLedger(_ numbers: inout SeededNumbers) -> Ledger {
    let count = 2 + Int(numbers.next() % 13)
    let gap = 1 + Int32(numbers.next() % 3)
    var position = Int32(numbers.next() % 3)
    var positions: [Int32] = []
    while positions.count < count {
      positions.append(position)
      position += 1 + Int32(numbers.next() % UInt64(gap))
    }
    positions.shuffle(using: &numbers)
    return Ledger(positions: positions, attention: positions.map { _ in Float(numbers.next() % 4) / 4 })
  }
}
