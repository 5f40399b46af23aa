import KelvinPolicies
import Testing

/// What a shortlist says is what a look at all entries says.
@Suite("Shortlists")
struct ShortlistTests {
  /// Ranks by attention, which only grows, and keeps a shortlist.
  private struct Shortlisted: ScoringPolicy {
    private var base: ByAttention
    var shortlists: [Shortlist]? = []

    init(_ base: ByAttention) { self.base = base }

    var records: Records { base.records }
    var places: Places { base.places }
    var budget: Budget { base.budget }
    var when: When { base.when }
    var protectedFirst: Int { base.protectedFirst }
    var protectedLast: Int { base.protectedLast }
    var capacity: Int? {
      get { base.capacity }
      set { base.capacity = newValue }
    }
    func score(_ entry: Int, in head: HeadLedger) -> Float { base.score(entry, in: head) }
  }

  /// A head whose entries receive attention in coarse steps, so that many are equal.
  private struct Life {
    var ledger = Ledger(positions: [])
    /// The place of an entry that left, which the next one takes.
    var vacancy: Int?

    mutating func arrive() {
      let position = Int32(ledger.seen)
      ledger.heads[0].append(position..<position + 1, recording: Records(attention: true))
      ledger.seen += 1
      if let vacancy { leave(vacancy) }
      vacancy = nil
      // By position, so that it does not matter where an entry lies.
      for entry in 0..<ledger.heads[0].count {
        var generator = SplitMix(state: UInt64(ledger.seen) << 32 | UInt64(ledger.heads[0].positions[entry]))
        ledger.heads[0].attention[entry] += Float(generator.next() % 3)
      }
    }

    mutating func leave(_ entry: Int) {
      ledger.heads[0].swapRemove(entry, last: ledger.heads[0].count - 1)
    }

    private struct SplitMix {
      var state: UInt64
      mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        let mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        return (mixed ^ (mixed >> 27)) >> 33
      }
    }
  }

  /// The entries that leave in each of `steps` steps after a prompt, and whether anything is asked of `disturb` in between.
  private func departures(
    _ base: ByAttention, steps: Int, shortlisted: Bool, vacates: (Int) -> Bool = { _ in false },
    disturb: (Int, inout Ledger) -> Void = { _, _ in }
  ) -> [[Int32]] {
    var policy: any CachePolicy = shortlisted ? Shortlisted(base) : base
    var life = Life()
    policy.begin(at: .alone, promptLength: 90)
    for _ in 0..<90 { life.arrive() }
    return (0...steps).map { step in
      if step > 0 { life.arrive() }
      disturb(step, &life.ledger)
      var edits = Edits(heads: 1)
      policy.review(life.ledger, at: step > 0 ? .step : .promptEnd, edits: &edits)
      let leaving = edits.evictions[0].sorted(by: >)
      let positions = leaving.map { life.ledger.heads[0].positions[$0] }
      if leaving.count == 1, vacates(step) {
        life.vacancy = leaving[0]
      } else {
        for entry in leaving { life.leave(entry) }
      }
      return positions
    }
  }

  @Test(
    "The same entries leave as without a shortlist, step by step, with equal scores among them",
    arguments: [(0, 0), (0, 1), (4, 40), (3, 77), (80, 0), (2, 79), (0, 200)])
  func equal(first: Int, last: Int) {
    let base = ByAttention(budget: .entries(80), protectedFirst: first, protectedLast: last)
    let expected = departures(base, steps: 300, shortlisted: false)
    #expect(departures(base, steps: 300, shortlisted: true) == expected)
    #expect(expected.dropFirst().allSatisfy { $0.count == 1 })
  }

  @Test(
    "The same entries leave where the next entry takes the place of the one that left, always or now and then",
    arguments: [(0, 0), (0, 1), (4, 40), (80, 0), (2, 79)], [1, 2, 5])
  func vacancies(protected: (first: Int, last: Int), period: Int) {
    let base = ByAttention(budget: .entries(80), protectedFirst: protected.first, protectedLast: protected.last)
    let expected = departures(base, steps: 300, shortlisted: false)
    let found = departures(
      base, steps: 300, shortlisted: true, vacates: { ($0 / period).isMultiple(of: 2) || period == 1 })
    #expect(found == expected)
  }

  @Test("An entry that was moved, or that is taken back, is looked for again")
  func disturbed() {
    let base = ByAttention(budget: .entries(80), protectedFirst: 2, protectedLast: 20)
    func disturb(_ step: Int, _ ledger: inout Ledger) {
      if step % 7 == 3 { ledger.heads[0].settle(60, at: 5) }
      if step % 31 == 30 {
        ledger.heads[0].shorten(to: 70)
        ledger.seen = Int(ledger.heads[0].positions.max() ?? 0) + 1
      }
    }
    let expected = departures(base, steps: 300, shortlisted: false, disturb: disturb)
    #expect(departures(base, steps: 300, shortlisted: true, disturb: disturb) == expected)
    #expect(expected.reduce(0) { $0 + $1.count } > 100)
  }
}
