import KelvinAttention

/// What a sequence holds beside its pages, its states: bytes that count towards the pool's limit as long as this lives.
final class HeldBytes {
  private let bytes: Int
  private let pool: PagePool

  init(_ bytes: Int, of pool: PagePool) throws(MemoryError) {
    try pool.hold(bytes)
    self.bytes = bytes
    self.pool = pool
  }

  deinit { pool.release(bytes) }

  /// As many bytes for another sequence.
  func copy() throws(MemoryError) -> HeldBytes { try HeldBytes(bytes, of: pool) }
}
