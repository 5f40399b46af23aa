import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestSupport
import Testing

/// One head of 32 numbers whose newest entries stay in f16.
@Suite("The newest entries of a head stay in f16")
struct ResidualTests {
  private let processor: Processor

  init() throws { processor = try Processor(threads: 1) }

  private static func layout(layers: Int = 1) -> CacheLayout {
    CacheLayout(layers: layers, each: StoreLayout(heads: 1, keyWidth: 32, values: .stored(width: 32), rotary: nil))
  }
  private static let old = EntryFormats(keys: .q8_0, values: .q8_0).pageShape(of: layout().stores[0]).bytes
  private static let new = EntryFormats().pageShape(of: layout().stores[0]).bytes

  private func empty(
    _ residual: Int, _ policy: any CachePolicy = Full(), layers: Int = 1, pool: PagePool = PagePool()
  ) -> SequenceCache {
    SequenceCache(
      layout: Self.layout(layers: layers), formats: EntryFormats(keys: .q8_0, values: .q8_0, residual: residual),
      policy: policy, pool: pool)
  }

  /// The rows of a pass, which depend on its positions alone.
  private func rows(_ positions: [Int32]) -> Tensor {
    let values = positions.flatMap { position in
      var numbers = SeededNumbers(seed: UInt64(position))
      return numbers.floats(32)
    }
    return processor.tensor(rows: positions.count, columns: 32, values: values)
  }

  /// Reads `count` more rows.
  @discardableResult
  private func read(_ count: Int, into cache: inout SequenceCache) throws -> [Float] {
    cache.expect(count)
    let rows = rows(cache.positions)
    var output: [Float] = []
    for layer in cache.layout.storeOfLayer.indices {
      output += try cache.attend(rows, adding: NewEntries(keys: rows, values: rows), layer: layer, scale: 1).values
    }
    return output
  }

  /// Lets the entries of the positions that are listed for a review leave.
  private struct Scripted: CachePolicy {
    let records = Records(attention: true)
    let places = Places.original
    var leaving: [[Int32]]
    private var reviews = 0

    init(_ leaving: [[Int32]]) { self.leaving = leaving }
    mutating func begin(at place: StorePlace, promptLength: Int) {}
    mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
      for (entry, position) in ledger.heads[0].positions.enumerated() where leaving[reviews].contains(position) {
        edits.evict(entry, head: 0)
      }
      reviews += 1
    }
  }

  @Test("which entries are in f16 after passes and evictions, by hand")
  func script() throws {
    // Each pass: how many tokens, who leaves, who stays, who of them is in f16.
    let script: [(Int, leaves: [Int32], stays: [Int32], new: [Int32])] = [
      (3, [], [0, 1, 2], [0, 1, 2]),
      (4, [], [0, 1, 2, 3, 4, 5, 6], [3, 4, 5, 6]),
      // One of the newest leaves: the four that are left have room.
      (1, [5], [0, 1, 2, 3, 4, 6, 7], [3, 4, 6, 7]),
      // An old one leaves and the oldest of the newest settles.
      (1, [0], [1, 2, 3, 4, 6, 7, 8], [4, 6, 7, 8]),
      // What was quantised stays so when there is room again.
      (1, [6, 7, 8, 2], [1, 3, 4, 9], [4, 9]),
      (5, [10, 1], [3, 4, 9, 11, 12, 13, 14], [11, 12, 13, 14]),
      (1, [3, 4, 9], [11, 12, 13, 14, 15], [12, 13, 14, 15]),
      (1, [11, 12, 13, 14, 15, 16], [], []),
      (2, [], [17, 18], [17, 18]),
    ]
    let pool = PagePool()
    var cache = empty(4, Scripted(script.map(\.leaves)), pool: pool)
    for (count, _, stays, new) in script {
      try read(count, into: &cache)
      #expect(cache.keptPositions == [[stays]])
      #expect(cache.residualPositions == [[new]])
      // Every line of the ledger is still about its entry.
      let ledger = cache.ledger(store: 0).heads[0]
      #expect(ledger.positions.count == ledger.attention.count && Set(ledger.positions) == Set(stays))
      #expect(pool.bytes == (new.isEmpty ? 0 : Self.new) + (new.count < stays.count ? Self.old : 0))
    }
  }

  @Test("a pass reads its own entries in f16, and later ones read them quantised")
  func rounding() throws {
    var rounded = empty(0)
    var half = SequenceCache(layout: Self.layout(), formats: EntryFormats(), policy: Full(), pool: PagePool())
    var cache = empty(8)
    let found = try read(40, into: &cache)
    // Spread or not, f16 is exact to 2⁻¹¹.
    #expect(greatestDifference(found, try read(40, into: &half)) < 2e-3)
    #expect(greatestDifference(found, try read(40, into: &rounded)) > 2e-3)
    let report = cache.report(policy: "full", budget: nil)
    #expect(report.format == "q8_0+8 f16")
    // 32 of 40 entries take 8.5 bits a number and 8 take 16.
    #expect(report.bitsPerNumber == 10)
    #expect(report.bytes == Self.old + Self.new && report.bytes == report.bytesFull && report.pages == 2)
  }

  @Test("where the pool has no page to quantise into, the pass is taken back and nothing is lost")
  func exhausted() throws {
    let pool = PagePool(limit: 2 * Self.new + Self.old - 1)
    var cache = empty(64, pool: pool)
    try read(64, into: &cache)
    for _ in 0..<2 {
      #expect(
        throws: MemoryError.poolExhausted(
          bytes: 2 * Self.new + Self.old, limit: 2 * Self.new + Self.old - 1)
      ) { try read(1, into: &cache) }
      #expect(cache.seen == 64 && cache.keptPositions == [[Array(0..<64)]])
      #expect(cache.residualPositions == cache.keptPositions && pool.bytes == Self.new)
    }
  }

  @Test("a pass that fails in a later layer takes its entries back; what settled before stays quantised")
  func laterLayer() throws {
    // Both layers take a second page in f16 for a moment; the second one finds no page to quantise into.
    let pool = PagePool(limit: 3 * Self.new + 2 * Self.old - 1)
    var cache = empty(64, layers: 2, pool: pool)
    try read(64, into: &cache)
    #expect(throws: MemoryError.self) { try read(1, into: &cache) }
    #expect(cache.seen == 64 && cache.keptPositions == [[Array(0..<64)], [Array(0..<64)]])
    #expect(cache.residualPositions == [[Array(1..<64)], [Array(0..<64)]])
    #expect(pool.bytes == 2 * Self.new + Self.old)
  }

  @Test("forks settle apart: neither disturbs what the other reads")
  func fork() throws {
    var cache = empty(70)
    try read(100, into: &cache)
    var fork = try cache.fork()
    var other = try cache.fork()
    #expect(fork.sharedBytes == fork.report(policy: "", budget: nil).bytes)
    try read(90, into: &other)
    let expected = try (0..<5).map { _ in try read(1, into: &cache) }
    #expect(try (0..<5).map { _ in try read(1, into: &fork) } == expected)
    #expect(fork.residualPositions == [[Array(35..<105)]])
  }

  @Test("goes back while nothing has been quantised, and not after")
  func rollback() throws {
    var cache = empty(24)
    let expected = try (0..<20).map { _ in try read(1, into: &cache) }
    try cache.rollback(to: 12)
    #expect(try (12..<20).map { _ in try read(1, into: &cache) } == Array(expected[12...]))
    try read(5, into: &cache)
    #expect(throws: CacheError.settled(count: 12, residual: 24)) { try cache.rollback(to: 12) }
    #expect(cache.seen == 25)
    try cache.rollback(to: 0)
    #expect(cache.pagePool.bytes == 0)
    #expect(try read(1, into: &cache) == expected[0])
  }

  @Test("sequences of a batch settle as they do alone")
  func batch() throws {
    let members = [30, 5].map { _ in OwnedCache(empty(8)) }
    for (member, count) in zip(members, [30, 5]) { try read(count, into: &member.cache) }
    for _ in 0..<6 {
      let alone = try members.map { member in
        var fork = try member.cache.fork()
        return (try read(1, into: &fork), fork.residualPositions)
      }
      for member in members { member.cache.expect(1) }
      var batch = BatchMemory(members)
      let rows = rows(batch.positions)
      let output = try batch.attend(rows, adding: NewEntries(keys: rows, values: rows), layer: 0, scale: 1)
      #expect(output.values == alone.flatMap(\.0))
      #expect(members.map { $0.cache.residualPositions } == alone.map(\.1))
    }
  }
}

@Suite("Windows and merged entries keep their newest in f16 as well")
struct ResidualLifetimeTests {
  /// Keys and values below 1 in steps of 1/127 of the farthest of 32, scores of a few units.
  private static let tolerance = 0.1

  private func compare(_ layer: RandomLayer) throws {
    var rounded = layer
    (rounded.format, rounded.residual) = (.q8_0, 5)
    let exact = try layer.run()
    let found = try rounded.run { cache in
      for (kept, new) in zip(cache.keptPositions[0], cache.residualPositions[0]) { #expect(new == kept.suffix(5)) }
    }
    for (a, b) in zip(exact.outputs, found.outputs) {
      #expect(greatestDifference(a.map(Double.init), b.map(Double.init)) < Self.tolerance)
    }
  }

  private func layer(_ passes: [Int]) -> RandomLayer {
    var layer = RandomLayer(passes: passes)
    layer.store = StoreLayout(heads: 2, keyWidth: 32, values: .stored(width: 32), rotary: nil)
    return layer
  }

  @Test("a window", arguments: [3, 20, 70])
  func window(_ window: Int) throws {
    for passes in [[7, 1, 65, 1, 1], [130, 1, 1]] {
      var layer = layer(passes)
      layer.store.reach = .window(window)
      try compare(layer)
    }
  }

  @Test("gates: an entry is replaced while it is among the newest, and settles as it is then")
  func gates() throws {
    for passes in [[7, 1, 65, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]] {
      var layer = layer(passes)
      layer.store.gating = Gating(window: 12, channel: 31)
      try compare(layer)
    }
  }
}
