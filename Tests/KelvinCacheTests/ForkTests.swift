import KelvinAttention
import KelvinCache
import KelvinTensors
import TestSupport
import Testing

@Suite("Forks of a head hold pages together until one of them writes")
struct ForkTests {
  let processor: Processor

  init() throws { processor = try Processor(threads: 1) }

  private static let shape = PageShape(keyWidth: 1, valueWidth: 1, keyFormat: .f32, valueFormat: .f32)

  /// Adds entries whose keys and values are `numbers`.
  private func add(_ numbers: [Float], to head: inout HeadPages) throws {
    let first = head.count
    try head.grow(by: numbers.count)
    let tensor = processor.tensor(rows: numbers.count, columns: 1, values: numbers)
    head.write(tensor, tensor, head: 0, first: first, kernels: processor.kernels)
  }

  private func contents(_ head: borrowing HeadPages) -> [Float] {
    (0..<head.count).map { head.read($0, kernels: processor.kernels).value[0] }
  }

  @Test("a page that both hold is counted once, and copied by the first that appends to it")
  func appending() throws {
    let pool = PagePool()
    var parent = HeadPages(shape: Self.shape, pool: pool)
    try add((0..<70).map { Float($0) }, to: &parent)
    var child = parent.fork()
    #expect(pool.pages == 2 && parent.countSharedPages() == 2 && child.countSharedPages() == 2)
    try add([-1], to: &child)
    #expect(pool.pages == 3 && parent.countSharedPages() == 1 && child.countSharedPages() == 1)
    try add([-2], to: &parent)
    #expect(pool.pages == 3)
    #expect(contents(parent) == (0..<70).map { Float($0) } + [-2])
    #expect(contents(child) == (0..<70).map { Float($0) } + [-1])
  }

  @Test("full pages stay shared when one of the two grows")
  func wholePages() throws {
    let pool = PagePool()
    var parent = HeadPages(shape: Self.shape, pool: pool)
    try add(Array(repeating: 1, count: 128), to: &parent)
    var child = parent.fork()
    try add([2], to: &child)
    #expect(pool.pages == 3 && parent.countSharedPages() == 2 && child.countSharedPages() == 2)
  }

  @Test("an entry that leaves one head stays in the other")
  func removing() throws {
    let pool = PagePool()
    var parent = HeadPages(shape: Self.shape, pool: pool)
    try add((0..<65).map { Float($0) }, to: &parent)
    var child = parent.fork()
    try child.swapRemove(3)
    #expect(contents(parent) == (0..<65).map { Float($0) })
    #expect(contents(child) == (0..<64).map { $0 == 3 ? 64 : Float($0) })
    #expect(pool.pages == 3 && parent.countSharedPages() == 0 && child.countSharedPages() == 0)
  }

  @Test("pages return to the pool with the last head that holds them")
  func returning() throws {
    let pool = PagePool()
    do {
      var child: HeadPages
      do {
        var parent = HeadPages(shape: Self.shape, pool: pool)
        try add(Array(repeating: 1, count: 70), to: &parent)
        child = parent.fork()
      }
      #expect(pool.pages == 2 && child.countSharedPages() == 0)
      child.shorten(to: 64)
      #expect(pool.pages == 1)
    }
    #expect(pool.pages == 0 && pool.bytes == 0)
  }

  @Test("where the pool has no page for a copy, nothing changes")
  func exhausted() throws {
    let pool = PagePool(limit: 2 * Self.shape.bytes)
    var parent = HeadPages(shape: Self.shape, pool: pool)
    try add((0..<70).map { Float($0) }, to: &parent)
    var child = parent.fork()
    #expect(throws: MemoryError.poolExhausted(bytes: 3 * Self.shape.bytes, limit: 2 * Self.shape.bytes)) {
      try child.swapRemove(0)
    }
    #expect(throws: MemoryError.self) { try child.grow(by: 1) }
    #expect(contents(child) == contents(parent) && contents(child).count == 70)
    try child.swapRemove(69)
    #expect(child.count == 69 && parent.count == 70)
  }
}
