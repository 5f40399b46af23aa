package import KelvinAttention
package import KelvinTensors

/// A run of entries of one head: dense, in pages, in no particular order.
///
/// Forks of a head hold its pages together; the first to write into a page takes a copy of its own.
package struct HeadPages: ~Copyable {
  package let shape: PageShape
  let pool: PagePool
  package internal(set) var count = 0
  var pages: ContiguousArray<Page> = []
  /// Where the pages start, as kernels read it.
  var starts: ContiguousArray<UnsafeMutablePointer<UInt8>?> = []
  /// Whether forks may hold some of the pages: where there never was one, nobody asks the pages, which lie far apart.
  var wasForked = false

  package init(shape: PageShape, pool: PagePool) {
    self.shape = shape
    self.pool = pool
  }

  /// Pages held.
  package var pageCount: Int { pages.count }

  /// Makes room for `added` more entries and counts them as live; their contents must be written next.
  ///
  /// All or nothing: a head that cannot grow stays as it was.
  package mutating func grow(by added: Int) throws(MemoryError) {
    guard added > 0 else { return }
    if !count.isMultiple(of: PageShape.entries) { try own(count / PageShape.entries) }
    do {
      while pages.count * PageShape.entries < count + added {
        let page = try Page(bytes: shape.bytes, from: pool)
        pages.append(page)
        starts.append(page.start)
      }
    } catch {
      dropEmptyPages()
      throw error
    }
    count += added
  }

  /// Lets the newest entries go, as far as they are the last: `count` of them stay.
  package mutating func shorten(to count: Int) {
    precondition(count >= 0 && count <= self.count, "\(count) entries of a head of \(self.count)")
    self.count = count
    dropEmptyPages()
  }

  /// Removes an entry; the last one takes its place, and an emptied page returns to the pool.
  /// - Throws: where the entry lies in a page that a fork also holds, and the pool has no page for a copy; the entry stays.
  package mutating func swapRemove(_ entry: Int) throws(MemoryError) {
    precondition(entry >= 0 && entry < count, "entry \(entry) of a head of \(count)")
    try own(replacing: entry)
    swapRemoveOwned(entry)
  }

  /// Makes sure that no fork holds the page into which the last entry goes when it takes the place of `entry`.
  mutating func own(replacing entry: Int) throws(MemoryError) {
    if entry != count - 1 { try own(entry / PageShape.entries) }
  }

  /// Removes an entry whose page no fork holds.
  mutating func swapRemoveOwned(_ entry: Int) {
    if entry != count - 1 { withTable { Kernels.move($0, from: count - 1, to: entry) } }
    shorten(to: count - 1)
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

  /// Reads one entry as floats: `key` `[1, Dk]`, `value` `[1, Dv]`.
  func read(_ entry: Int, key: Tensor, value: Tensor, kernels: Kernels) {
    _ = withTable { kernels.read($0, entry: entry, key: key.pointer, value: value.pointer) }
  }

  /// Calls `body` with the page table; a run without pages is not visited.
  func withTable<Result>(followedBy next: PagesAhead = PagesAhead(), _ body: (PageTable) -> Result) -> Result? {
    starts.withUnsafeBufferPointer { starts in
      starts.baseAddress.map { body(PageTable($0, shape: shape, following: next)) }
    }
  }

  /// Where the pages of `entries` lie.
  func pagesAhead(of entries: Range<Int>) -> PagesAhead {
    let first = entries.lowerBound / PageShape.entries
    let last = (entries.upperBound + PageShape.entries - 1) / PageShape.entries
    return starts.withUnsafeBufferPointer { PagesAhead(UnsafeBufferPointer(rebasing: $0[first..<last])) }
  }

  /// Makes sure that nobody else holds page `index`, which is about to be written to.
  private mutating func own(_ index: Int) throws(MemoryError) {
    guard wasForked, !isKnownUniquelyReferenced(&pages[index]) else { return }
    pages[index] = try pages[index].copy()
    starts[index] = pages[index].start
  }

  private mutating func dropEmptyPages() {
    while (pages.count - 1) * PageShape.entries >= count, !pages.isEmpty {
      pages.removeLast()
      starts.removeLast()
    }
  }
}
