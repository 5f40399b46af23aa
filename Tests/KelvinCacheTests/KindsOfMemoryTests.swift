import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("Windows, merged entries, latents, shared stores and states are forked and saved like everything else")
struct KindsOfMemoryTests {
  private let processor: Processor

  init() throws { processor = try Processor(threads: 1) }

  private static let stores = [
    StoreLayout(heads: 2, keyWidth: 8, values: .stored(width: 8), rotary: nil, reach: .window(20)),
    StoreLayout(heads: 2, keyWidth: 8, values: .stored(width: 8), rotary: nil, gating: Gating(window: 3, channel: 7)),
    StoreLayout(heads: 2, keyWidth: 8, values: .prefixOfKey(width: 4), rotary: nil),
  ]
  /// The last layer reads the store of the third and adds nothing.
  private static let layout = CacheLayout(
    stores: stores, storeOfLayer: [0, 1, 2, 2],
    states: [StateLayout(heads: 2, keyWidth: 8, valueWidth: 8, rotary: nil)])

  private func empty(
    _ layout: CacheLayout = layout, pool: PagePool = PagePool(), _ policy: any CachePolicy = H2O(budget: .entries(30))
  ) -> SequenceCache {
    SequenceCache(layout: layout, formats: EntryFormats(), policy: policy, pool: pool)
  }

  /// Reads `count` more rows, whose numbers depend on `seed` and their position.
  /// - Returns: what the layers gave.
  private func read(_ count: Int, seed: UInt64 = 0, into cache: inout SequenceCache) throws -> [Float] {
    cache.expect(count)
    var outputs: [Float] = []
    func rows(_ width: Int, _ salt: UInt64) -> Tensor {
      let values = cache.positions.flatMap { position in
        var numbers = SeededNumbers(seed: seed << 40 | salt << 32 | UInt64(position))
        return numbers.floats(width)
      }
      return processor.tensor(rows: count, columns: width, values: values)
    }
    if !cache.layout.states.isEmpty {
      let decays = rows(2, 9).values.map { -abs($0) }
      outputs +=
        try cache.retain(
          rows(16, 10), keys: rows(16, 11), values: rows(16, 12),
          logDecays: processor.tensor(rows: count, columns: 2, values: decays), layer: 0
        ).values
    }
    for layer in cache.layout.storeOfLayer.indices {
      let salt = UInt64(layer * 20)
      let store = cache.layout.stores[cache.layout.storeOfLayer[layer]]
      let isShared = layer > 0 && cache.layout.storeOfLayer[layer - 1] == cache.layout.storeOfLayer[layer]
      let entries = NewEntries(
        keys: rows(16, salt + 30), values: store.values == .stored(width: 8) ? rows(16, salt + 31) : nil,
        gates: store.gating == nil ? nil : rows(4, salt + 32))
      outputs += try cache.attend(rows(16, salt + 33), adding: isShared ? nil : entries, layer: layer, scale: 1).values
    }
    return outputs
  }

  /// A cache of 70 tokens of prompt and 6 steps.
  private func filled(_ pool: PagePool = PagePool()) throws -> SequenceCache {
    var cache = empty(pool: pool)
    cache.beginPrompt(length: 70)
    for count in [40, 30] + Array(repeating: 1, count: 6) { _ = try read(count, into: &cache) }
    return cache
  }

  @Test("save, load, then the same outputs and the same entries")
  func saving() throws {
    var cache = try filled()
    let file = try CacheBytes.save(cache, policy: "h2o")
    var loaded = empty()
    try CacheBytes.load(file, into: &loaded, policy: "h2o", on: processor)
    #expect(try CacheBytes.save(loaded, policy: "h2o") == file)
    for count in [1, 1, 1, 5, 1, 30, 1] {
      let expected = try read(count, into: &cache)
      #expect(try read(count, into: &loaded) == expected)
      #expect(loaded.keptPositions == cache.keptPositions)
    }
    let sections = CacheBytes.sections(file).map(\.section)
    #expect(sections.prefix(2) == [.cache, .state] && sections.count { $0 == .segment } == 2)
  }

  @Test("a fork goes on as its parent would, and neither disturbs the other")
  func fork() throws {
    let pool = PagePool()
    var cache = try filled(pool)
    let held = pool.bytes
    var alike = try cache.fork()
    var other = try cache.fork()
    #expect(pool.bytes == held)
    for count in [1, 9, 1, 40] { _ = try read(count, seed: 5, into: &other) }
    for count in [1, 1, 12, 1] {
      let expected = try read(count, into: &alike)
      #expect(try read(count, into: &cache) == expected)
      #expect(alike.keptPositions == cache.keptPositions)
    }
  }

  @Test("what tokens were folded into cannot be taken apart; back to nothing is always possible")
  func rollback() throws {
    let pool = PagePool()
    var cache = try filled(pool)
    #expect(throws: CacheError.tokensFolded(count: 5)) { try cache.rollback(to: 5) }
    try cache.rollback(to: 0)
    #expect(cache.seen == 0 && pool.bytes == 0 && cache.keptPositions.joined().allSatisfy(\.isEmpty))
    var fresh = empty()
    fresh.beginPrompt(length: 3)
    cache.beginPrompt(length: 3)
    #expect(try read(3, into: &cache) == read(3, into: &fresh))
  }

  @Test("a window goes back while nothing has left it, and not further")
  func window() throws {
    let layout = CacheLayout(stores: [Self.stores[0]], storeOfLayer: [0])
    var cache = empty(layout, Full())
    let expected = try (0..<20).map { _ in try read(1, into: &cache) }
    try cache.rollback(to: 12)
    #expect(try (12..<20).map { _ in try read(1, into: &cache) } == Array(expected[12...]))
    _ = try read(1, into: &cache)
    #expect(throws: CacheError.entryLeft(position: 0, store: 0, head: 0, count: 12)) { try cache.rollback(to: 12) }
  }

  @Test("a pass that finds no page leaves nothing of itself behind: where tokens are folded, the cache begins anew")
  func exhausted() throws {
    let page = EntryFormats().pageShape(of: Self.stores[0]).bytes
    let pool = PagePool(limit: 6 * page)
    var cache = empty(pool: pool)
    cache.beginPrompt(length: 200)
    _ = try read(60, into: &cache)
    #expect(throws: MemoryError.self) { _ = try read(60, into: &cache) }
    #expect(cache.seen == 0 && pool.bytes == 0)
    cache.beginPrompt(length: 40)
    var fresh = empty()
    fresh.beginPrompt(length: 40)
    #expect(try read(40, into: &cache) == read(40, into: &fresh))
  }

  @Test("states count towards the limit: in the first pass, in every pass after it, and in a fork")
  func limit() throws {
    let states = Self.layout.stateBytes
    let unlimited = PagePool()
    _ = try filled(unlimited)
    let peak = unlimited.peakBytes
    // A byte less than the states take, a byte more, and a byte less than what the largest pass takes.
    for (limit, needed) in [(states - 1, states), (states + 1, states + 2048), (peak + states - 1, peak + states)] {
      #expect(throws: MemoryError.poolExhausted(bytes: needed, limit: limit)) { _ = try filled(PagePool(limit: limit)) }
    }
    let pool = PagePool(limit: peak + 3 * states)
    let cache = try filled(pool)
    var forks: [OwnedCache] = []
    while let fork = try? OwnedCache(cache.fork()) { forks.append(fork) }
    #expect(forks.count == (peak + 3 * states - pool.bytes) / states - 1 && forks.count >= 2)
    forks.removeAll()
    #expect(try cache.fork().seen == 76)
  }

  @Test("in a batch, one sequence without a page takes the pass back in all")
  func batch() throws {
    let layout = CacheLayout(
      layers: 2, each: StoreLayout(heads: 1, keyWidth: 8, values: .stored(width: 8), rotary: nil))
    let page = EntryFormats().pageShape(of: layout.stores[0]).bytes
    let members = [nil, 2 * page].map { OwnedCache(empty(layout, pool: PagePool(limit: $0), Full())) }
    for member in members { _ = try read(64, into: &member.cache) }
    for member in members { member.cache.expect(1) }
    var batch = BatchMemory(members)
    let row = processor.tensor(rows: 2, columns: 8, values: Array(repeating: 1, count: 16))
    #expect(throws: MemoryError.poolExhausted(bytes: 3 * page, limit: 2 * page)) {
      try batch.attend(row, adding: NewEntries(keys: row, values: row), layer: 0, scale: 1)
    }
    for member in members {
      #expect(member.cache.seen == 64 && member.cache.keptPositions == [[Array(0..<64)], [Array(0..<64)]])
      #expect(member.cache.pagePool.pages == 2)
    }
  }
}
