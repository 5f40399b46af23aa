import KelvinPolicies
import Testing

@Suite("A budget is written in entries, shares or bytes")
struct BudgetTests {
  @Test(
    "what is understood",
    arguments: [
      ("unbounded", .unbounded), ("1", .entries(1)), ("512", .entries(512)), ("20%", .fraction(0.2)),
      ("100%", .fraction(1)), ("0.5%", .fraction(0.005)), ("0.2", .fraction(0.2)), ("1.0", .fraction(1)),
      ("64MiB", .bytes(64 << 20)), ("1.5KiB", .bytes(1536)), ("1GiB", .bytes(1 << 30)), ("2KB", .bytes(2000)),
      ("3MB", .bytes(3_000_000)), ("4GB", .bytes(4_000_000_000)), ("100B", .bytes(100)),
    ] as [(String, Budget)])
  func good(_ text: String, _ budget: Budget) {
    #expect(Budget(text) == budget)
  }

  @Test(
    "what is refused, a budget of nothing above all",
    arguments: [
      "", "0", "-1", "0%", "-5%", "101%", "0.0", "1.5", "nan", "inf", "nan%", "0B", "-1MiB", "nanB", "infGiB",
      "1e30GiB", "ten", "5 MiB", "5TB", "99999999999999999999", "unbounded ", "%", "B",
    ])
  func bad(_ text: String) {
    #expect(Budget(text) == nil)
  }

  @Test("its description can be read again", arguments: ["unbounded", "7", "20%", "0.125", "64MiB", "1000B"])
  func roundTrip(_ text: String) throws {
    let budget = try #require(Budget(text))
    #expect(Budget(budget.description) == budget)
  }

  @Test("a share is rounded down, but never to nothing")
  func share() {
    #expect(Budget.fraction(0.2).entries(at: .alone, promptLength: 256) == 51)
    #expect(Budget.fraction(0.2).entries(at: .alone, promptLength: 256, rounding: .up) == 52)
    #expect(Budget.fraction(0.2).entries(at: .alone, promptLength: 4) == 1)
    #expect(Budget.fraction(1).entries(at: .alone, promptLength: 77) == 77)
  }

  @Test("bytes buy whole pages, shared by all heads")
  func bytes() {
    let place = StorePlace(store: 0, headsOfStores: [3, 3], pageEntries: 64, pageBytes: 1000)
    #expect(Budget.bytes(6000).entries(at: place, promptLength: 9999) == 64)
    #expect(Budget.bytes(11_999).entries(at: place, promptLength: 9999) == 64)
    #expect(Budget.bytes(12_000).entries(at: place, promptLength: 9999) == 128)
  }

  @Test(
    "where heads share, bytes buy what never takes more pages, however they share it",
    arguments: [(2000, 1), (3000, 33), (3999, 33), (4000, 65), (5999, 97), (6000, 129)])
  func shared(_ bytes: Int, _ expected: Int) {
    var place = StorePlace(store: 0, headsOfStores: [2], pageEntries: 64, pageBytes: 1000)
    place.sharesBudget = true
    #expect(Budget.bytes(bytes).entries(at: place, promptLength: 9999) == expected)
    func pages(_ entries: Int) -> Int { (entries + 63) / 64 }
    let most = (1..<2 * expected).map { pages($0) + pages(2 * expected - $0) }.max()
    #expect((most ?? .max) * 1000 <= bytes)
  }

  /// Pages of 1000 bytes, and of 3000 for the newest 100 entries, which lie on two of them at most.
  @Test(
    "with newest entries on larger pages, bytes buy what never takes more, whichever entries stay",
    arguments: [(999, 1), (3999, 1), (4000, 64), (6000, 64), (6999, 64), (7000, 128), (9500, 256)])
  func apart(_ bytes: Int, _ expected: Int) {
    let place = StorePlace(
      store: 0, headsOfStores: [1], pageEntries: 64, pageBytes: 1000, tailEntries: 100, tailPageBytes: 3000)
    let entries = Budget.bytes(bytes).entries(at: place, promptLength: 9999)
    #expect(entries == expected)
    guard expected > 1 else { return }
    func taken(_ entries: Int) -> Int? {
      (0...min(100, entries)).map { new in (new + 63) / 64 * 3000 + (entries - new + 63) / 64 * 1000 }.max()
    }
    #expect((taken(expected) ?? .max) <= bytes)
  }

  @Test(
    "a pyramid's stores keep the budget together, whatever their heads",
    arguments: [
      ([1, 1], [195, 5]), ([2, 2, 2], [195, 100, 5]),
      // Straight lines of 195, 100, 5 times 400 / 590, 400 / 210 and 400 / 480.
      ([3, 1], [132, 3]), ([1, 3], [371, 9]), ([1, 2, 1], [195, 100, 5]), ([1, 2, 3], [285, 146, 7]),
    ])
  func pyramid(_ heads: [Int], _ expected: [Int]) {
    let kept = heads.indices.map { store -> Int in
      var policy = Pyramid(H2O(budget: .entries(100)))
      policy.begin(
        at: StorePlace(store: store, headsOfStores: heads, pageEntries: 64, pageBytes: 64), promptLength: 999)
      return policy.capacity ?? 0
    }
    #expect(kept == expected)
    let total = zip(heads, kept).reduce(0) { $0 + $1.0 * $1.1 }
    // Each head may lose one entry to rounding.
    #expect((99 * heads.reduce(0, +)...100 * heads.reduce(0, +)).contains(total))
  }

  @Test("unbounded is no number, and a count is itself")
  func others() {
    #expect(Budget.unbounded.entries(at: .alone, promptLength: 10) == nil)
    #expect(Budget.entries(33).entries(at: .alone, promptLength: 10) == 33)
  }
}
