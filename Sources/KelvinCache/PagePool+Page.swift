import KelvinAttention

/// A page that is out: it returns to its pool when no head holds it any more.
///
/// Forks hold pages together, so a page that is held more than once is never written to.
final class Page {
  let start: UnsafeMutablePointer<UInt8>
  let bytes: Int
  private let pool: PagePool

  init(bytes: Int, from pool: PagePool) throws(MemoryError) {
    start = try pool.take(bytes: bytes)
    self.bytes = bytes
    self.pool = pool
  }

  deinit { pool.giveBack(start, bytes: bytes) }

  /// Another page with the same contents.
  func copy() throws(MemoryError) -> Page {
    let copy = try Page(bytes: bytes, from: pool)
    copy.start.update(from: start, count: bytes)
    return copy
  }
}
