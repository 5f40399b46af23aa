import Synchronization

/// Consecutive pieces of an operation: one thread takes the first of them, others that have nothing left to do the last.
final class PieceRun: Sendable {
  /// The first piece in the lower half, the end in the upper.
  private let ends = Atomic<UInt64>(0)
  /// Fills the cache line and the next, which are brought together: nobody else's numbers lie there.
  private let room = SIMD64<UInt8>()

  /// Holds `pieces`, before anybody takes one.
  func begin(_ pieces: Range<Int>) {
    ends.store(UInt64(pieces.upperBound) << 32 | UInt64(pieces.lowerBound), ordering: .relaxed)
  }

  /// The first piece that is left.
  var first: Int? { Self.pieces(ends.load(ordering: .relaxed)).first }

  func takeFirst() -> Int? { take { ($0.lowerBound, $0.dropFirst()) } }

  func takeLast() -> Int? { take { ($0.upperBound - 1, $0.dropLast()) } }

  private func take(_ choose: (Range<Int>) -> (piece: Int, rest: Range<Int>)) -> Int? {
    var known = ends.load(ordering: .relaxed)
    while true {
      let pieces = Self.pieces(known)
      guard !pieces.isEmpty else { return nil }
      let (piece, rest) = choose(pieces)
      let desired = UInt64(rest.upperBound) << 32 | UInt64(rest.lowerBound)
      let (exchanged, original) = ends.weakCompareExchange(expected: known, desired: desired, ordering: .relaxed)
      if exchanged { return piece }
      known = original
    }
  }

  private static func pieces(_ ends: UInt64) -> Range<Int> { Int(ends & 0xffff_ffff)..<Int(ends >> 32) }
}
