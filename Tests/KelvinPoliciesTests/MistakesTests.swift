import KelvinPolicies
import Testing

/// What keeps other entries than it should, in a way that a program easily does.
struct Mistake: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var right: any CachePolicy
  var wrong: any CachePolicy
  var ledger: Ledger
  /// The ledger that the mistake sees, where it is the ledger that is wrong.
  var wrongLedger: Ledger?
  var moment = Moment.promptEnd
  var place = StorePlace.first
  /// By head, counted out by hand.
  var kept: [[Int32]]

  static let all = h2o + vatp + snapKV + tova + keyNorm + fastGen

  /// 4.5 of ten entries.
  private static let nearlyHalf = Budget.fraction(0.45)

  static let h2o: [Mistake] = [
    h2o("a window one too short", H2O(budget: nearlyHalf, recent: 1)),
    h2o("a window one too long", H2O(budget: nearlyHalf, recent: 3)),
    h2o("only the newest query counts", Misled(by: .newestQuery)),
    h2o("a mean over queries instead of a sum", H2O(budget: nearlyHalf, norm: .mean)),
    h2o("the first head decides for all", Misled(by: .firstHead)),
    h2o("a budget rounded up", H2O(budget: .entries(5))),
    h2o("no eviction while decoding", H2O(budget: nearlyHalf, when: .prefill), at: .step),
  ]

  private static func h2o(_ name: String, _ wrong: any CachePolicy, at moment: Moment = .promptEnd) -> Mistake {
    Mistake(
      testDescription: "h2o: \(name)", right: H2O(budget: nearlyHalf), wrong: wrong,
      ledger: .ten { heads in
        heads[0].attention = [4, 0.5, 3, 0.25, 2, 0.125, 1.6, 0.1, 0.05, 0]
        heads[1].attention = [4, 2.5, 0.1, 0.25, 0.2, 2.2, 0.3, 0.1, 0.05, 0]
        heads[0].windowAttention = [[0, 0, 0, 0.4, 0.1, 0.1, 0.2, 0, 0.1, 0.1]]
        heads[1].windowAttention = [[0, 0, 0, 0.4, 0.1, 0.1, 0.2, 0, 0.1, 0.1]]
      }, moment: moment, kept: [[0, 2, 8, 9], [0, 1, 8, 9]])
  }

  static let vatp: [Mistake] = [
    vatp("the value's size is forgotten", H2O(budget: .entries(5), recent: 2)),
    vatp("one sink too few", VATP(budget: .entries(5), sinks: 1, recent: 2)),
    vatp("the value's length instead of its sum", VATP(budget: .entries(5), sinks: 2, recent: 2), lengths),
  ]

  private static func vatp(_ name: String, _ wrong: any CachePolicy, _ wrongLedger: Ledger? = nil) -> Mistake {
    Mistake(
      testDescription: "vatp: \(name)", right: VATP(budget: .entries(5), sinks: 2, recent: 2), wrong: wrong,
      ledger: sums,
      wrongLedger: wrongLedger, kept: [[0, 1, 6, 8, 9]])
  }

  /// Entry 4 has the value (4, 0, 0, 0), entry 6 the value (1.5, 1.5, 1.5, 1.5): 6 is larger by sum, 4 by length.
  private static let sums = values([0.1, 0.1, 1, 1, 4, 1, 6, 1, 1, 1])
  private static let lengths = values([0.1, 0.1, 1, 1, 4, 1, 3, 1, 1, 1])
  private static func values(_ sizes: ContiguousArray<Float>) -> Ledger {
    .ten(heads: 1) { heads in
      heads[0].attention = [4, 0.5, 3, 1, 1, 1, 1, 1, 0, 0]
      heads[0].valueNorm = sizes
    }
  }

  static let snapKV: [Mistake] = [
    snapKV("no pooling", SnapKV(budget: .entries(5), window: 2, kernel: 1)),
    snapKV("the largest neighbour instead of the mean", SnapKV(budget: .entries(5), window: 2, kernel: 3, pool: .max)),
    snapKV("a window one too short", SnapKV(budget: .entries(5), window: 1, kernel: 3)),
  ]

  private static func snapKV(_ name: String, _ wrong: SnapKV) -> Mistake {
    Mistake(
      testDescription: "snapkv: \(name)", right: SnapKV(budget: .entries(5), window: 2, kernel: 3), wrong: wrong,
      // Sums of three: 6, 6, 6, 0, 5, 9, 12, 7.
      ledger: .ten(heads: 1) { $0[0].windowAttention = [[0, 6, 0, 0, 0, 5, 4, 3, 2, 0]] }, kept: [[5, 6, 7, 8, 9]])
  }

  static let tova: [Mistake] = [
    tova("each head for itself", Misled(by: .newestQuery, budget: .entries(3), recent: 1)),
    tova("the newest entry unprotected", TOVA(budget: .entries(3), recent: 0)),
  ]

  private static func tova(_ name: String, _ wrong: any CachePolicy) -> Mistake {
    Mistake(
      testDescription: "tova: \(name)", right: TOVA(budget: .entries(3)), wrong: wrong,
      ledger: .ten { heads in
        heads[0].windowAttention = [[0.5, 0.1, 0.1, 0.3, 0, 0, 0, 0, 0, 0]]
        heads[1].windowAttention = [[0.1, 0.4, 0.3, 0.2, 0, 0, 0, 0, 0, 0]]
      }, kept: [[0, 1, 9], [0, 1, 9]])
  }

  static let keyNorm: [Mistake] = [
    keyNorm("a budget rounded down", KeyNorm(budget: .entries(4)), store: 2, kept: [1, 3, 5, 7, 9]),
    keyNorm("the newest entry unprotected", KeyNorm(budget: nearlyHalf, recent: 0), store: 2, kept: [1, 3, 5, 7, 9]),
    keyNorm("the second layer not skipped", KeyNorm(budget: nearlyHalf, skip: [0]), store: 1, kept: Array(0..<10)),
  ]

  private static func keyNorm(_ name: String, _ wrong: KeyNorm, store: Int, kept: [Int32]) -> Mistake {
    var place = StorePlace.first
    place.store = store
    return Mistake(
      testDescription: "l2: \(name)", right: KeyNorm(budget: nearlyHalf), wrong: wrong,
      ledger: .ten(heads: 1) { $0[0].keyNorm = [5, 1, 6, 2, 7, 3, 8, 4, 4.5, 9] }, place: place, kept: [kept])
  }

  /// 16 tokens whose attention adds up to 16; the frequent recipe recovers 11.36, which is 0.71 of it.
  private static func sixteen(punctuation: EntryKind) -> Ledger {
    var ledger = Ledger(positions: (0..<16).map { Int32($0) }, attention: Array(repeating: 0.464, count: 16))
    for (entry, attention) in [(0, 6), (3, 1), (5, 2), (7, 1.36), (9, 0.5), (11, 0.5)] as [(Int, Float)] {
      ledger.heads[0].attention[entry] = attention
    }
    ledger.heads[0].kinds = ContiguousArray(repeating: .ordinary, count: 16)
    ledger.heads[0].kinds[3] = punctuation
    return ledger
  }

  static let fastGen: [Mistake] = [
    fastGen("a threshold of 0.72 instead of 0.70", threshold: 0.72),
    fastGen("punctuation taken for words", threshold: 0.7, sixteen(punctuation: .ordinary)),
  ]

  private static func fastGen(_ name: String, threshold: Double, _ wrongLedger: Ledger? = nil) -> Mistake {
    Mistake(
      testDescription: "fastgen: \(name)", right: FastGen(threshold: 0.7, frequent: 0.25, local: 0.25),
      wrong: FastGen(threshold: threshold, frequent: 0.25, local: 0.25), ledger: sixteen(punctuation: .punctuation),
      wrongLedger: wrongLedger, kept: [[0, 3, 5, 7, 9, 11]])
  }
}

@Suite("Mistakes that are easily made keep other entries")
struct MistakesTests {
  @Test("the method keeps what was counted out by hand, the mistake does not", arguments: Mistake.all)
  func difference(_ mistake: Mistake) {
    #expect(kept(mistake.right, mistake.ledger, mistake) == mistake.kept)
    #expect(kept(mistake.wrong, mistake.wrongLedger ?? mistake.ledger, mistake) != mistake.kept)
  }

  private func kept(_ policy: any CachePolicy, _ ledger: Ledger, _ mistake: Mistake) -> [[Int32]] {
    var policy = policy
    var edits = Edits(heads: ledger.heads.count)
    policy.begin(at: mistake.place, promptLength: ledger.seen)
    policy.review(ledger, at: mistake.moment, edits: &edits)
    return ledger.heads.indices.map { head in
      let gone = Set(edits.evictions[head])
      return ledger.heads[head].positions.indices.filter { !gone.contains($0) }
        .map { ledger.heads[head].positions[$0] }
    }
  }
}

/// H2O's window, and a score that is not its own.
private struct Misled: ScoringPolicy {
  enum Reason { case newestQuery, firstHead }

  let records = Records(attention: true, windowAttention: 1)
  let places = Places.original
  let reason: Reason
  let budget: Budget
  let when = When.both
  let protectedFirst = 0
  let protectedLast: Int
  var capacity: Int?
  private var first: ContiguousArray<Float> = []

  init(by reason: Reason, budget: Budget = .entries(4), recent: Int = 2) {
    self.reason = reason
    self.budget = budget
    protectedLast = recent
  }

  mutating func prepare(_ ledger: borrowing Ledger, at moment: Moment) { first = ledger.heads[0].attention }

  func score(_ entry: Int, in head: HeadLedger) -> Float {
    switch reason {
    case .newestQuery: head.windowAttention.reduce(0) { $0 + $1[entry] } / Float(head.windowAttention.count)
    case .firstHead: first[entry]
    }
  }
}

extension StorePlace {
  /// The first store of three, two heads each.
  fileprivate static let first = StorePlace(
    store: 0, headsOfStores: [2, 2, 2], pageEntries: 64, pageBytes: 64 * 256)
}

extension Ledger {
  /// Ten entries in the order in which they came, in each of `count` heads.
  fileprivate static func ten(heads count: Int = 2, _ fill: (inout [HeadLedger]) -> Void) -> Ledger {
    var heads = (0..<count).map { HeadLedger(number: $0) }
    for head in heads.indices { heads[head].positions = ContiguousArray(0..<10) }
    fill(&heads)
    return Ledger(heads: heads, seen: 10)
  }
}
