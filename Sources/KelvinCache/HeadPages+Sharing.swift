import KelvinAttention
import KelvinTensors

extension HeadPages {
  /// The same entries in the same pages.
  package mutating func fork() -> HeadPages {
    wasForked = true
    var fork = HeadPages(shape: shape, pool: pool)
    fork.pages = pages
    fork.starts = starts
    fork.count = count
    fork.wasForked = true
    return fork
  }

  /// How many of the pages another head also holds.
  package mutating func countSharedPages() -> Int {
    pages.indices.reduce(0) { isKnownUniquelyReferenced(&pages[$1]) ? $0 : $0 + 1 }
  }

  /// The bytes of page `index`; places without an entry are zero, whatever lay there before.
  func pageBytes(_ index: Int) -> [UInt8] {
    let used = min(PageShape.entries, count - index * PageShape.entries)
    guard used < PageShape.entries else {
      return Array(UnsafeBufferPointer(start: pages[index].start, count: shape.bytes))
    }
    let clean = UnsafeMutablePointer<UInt8>.allocate(capacity: shape.bytes)
    defer { clean.deallocate() }
    clean.update(repeating: 0, count: shape.bytes)
    let both: [UnsafeMutablePointer<UInt8>?] = [pages[index].start, clean]
    both.withUnsafeBufferPointer { both in
      guard let base = both.baseAddress else { return }
      let table = PageTable(base, shape: shape)
      for entry in 0..<used { Kernels.move(table, from: entry, to: PageShape.entries + entry) }
    }
    return Array(UnsafeBufferPointer(start: clean, count: shape.bytes))
  }

  /// Adds a page of `used` entries whose bytes were read from a file; the pages before it are full.
  mutating func append(page bytes: [UInt8], used: Int) throws(MemoryError) {
    precondition(
      count.isMultiple(of: PageShape.entries) && bytes.count == shape.bytes && (1...PageShape.entries).contains(used),
      "\(bytes.count) bytes of a page of \(shape.bytes), \(used) entries after \(count)")
    try grow(by: used)
    bytes.withUnsafeBufferPointer { bytes in
      if let base = bytes.baseAddress { pages.last?.start.update(from: base, count: bytes.count) }
    }
  }
}
