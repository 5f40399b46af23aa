/// Finds pieces by the exact bytes of their spelling.
///
/// Strings are no keys here: Swift compares them by canonical equivalence, and a vocabulary may hold both spellings of
/// `é`. Slices of one array serve instead, so that no piece has storage of its own.
struct PieceIndex: Sendable {
  private var ids: [ArraySlice<UInt8>: Int32] = [:]
  /// The longest spelling in bytes.
  let longest: Int

  /// Indexes the pieces that `includes` accepts; the first of equal pieces wins.
  init(_ pieces: [String], where includes: (Int) -> Bool = { _ in true }) {
    var all: [UInt8] = []
    var ranges: [(id: Int, range: Range<Int>)] = []
    for (id, piece) in pieces.enumerated() where includes(id) {
      let start = all.count
      all += piece.utf8
      ranges.append((id, start..<all.count))
    }
    var longest = 0
    ids.reserveCapacity(ranges.count)
    for (id, range) in ranges where ids[all[range]] == nil {
      ids[all[range]] = Int32(id)
      longest = max(longest, range.count)
    }
    self.longest = longest
  }

  subscript(spelling: ArraySlice<UInt8>) -> Int32? {
    spelling.count > longest ? nil : ids[spelling]
  }

  subscript(piece: String) -> Int32? { ids[Array(piece.utf8)[...]] }
}
