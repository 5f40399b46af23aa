package import KelvinAttention
package import KelvinTensors

/// The entries of one head: dense, in pages, in no particular order.
package struct HeadPages: ~Copyable {
  package let shape: PageShape
  private let pool: PagePool
  package private(set) var count = 0
  private var pages: ContiguousArray<UnsafeMutablePointer<UInt8>?> = []

  package init(shape: PageShape, pool: PagePool) {
    self.shape = shape
    self.pool = pool
  }

  deinit {
    for case let page? in pages { pool.giveBack(page, bytes: shape.bytes) }
  }

  /// Pages taken from the pool.
  package var pageCount: Int { pages.count }

  /// Makes room for `added` more entries and counts them as live; their contents must be written next.
  package mutating func grow(by added: Int) throws(MemoryError) {
    while pages.count * PageShape.entries < count + added {
      pages.append(try pool.take(bytes: shape.bytes))
    }
    count += added
  }

  /// Removes an entry; the last one takes its place, and an emptied page returns to the pool.
  package mutating func swapRemove(_ entry: Int, kernels: Kernels) {
    precondition(entry >= 0 && entry < count, "entry \(entry) of a head of \(count)")
    if entry != count - 1 { withTable { kernels.move($0, from: count - 1, to: entry) } }
    count -= 1
    while (pages.count - 1) * PageShape.entries >= count, let page = pages.popLast() {
      if let page { pool.giveBack(page, bytes: shape.bytes) }
    }
  }

  /// The key and value of one entry, as floats.
  package func read(_ entry: Int, kernels: Kernels) -> (key: [Float], value: [Float]) {
    precondition(entry >= 0 && entry < count, "entry \(entry) of a head of \(count)")
    var value = [Float](repeating: 0, count: shape.valueWidth)
    let key = [Float](unsafeUninitializedCapacity: shape.keyWidth) { key, initialised in
      if let base = key.baseAddress {
        value.withUnsafeMutableBufferPointer { value in
          if let valueBase = value.baseAddress {
            withTable { kernels.read($0, entry: entry, key: base, value: valueBase) }
          }
        }
      }
      initialised = shape.keyWidth
    }
    return (key, value)
  }

  /// Calls `body` with the page table; a head without pages is not visited.
  func withTable<Result>(_ body: (PageTable) -> Result) -> Result? {
    pages.withUnsafeBufferPointer { pages in
      pages.baseAddress.map { body(PageTable($0, shape: shape)) }
    }
  }
}
