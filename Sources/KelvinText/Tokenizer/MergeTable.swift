/// Says which neighbours may merge, into what, and which pair goes first.
enum MergeTable: Sendable {
  /// By a list of pairs, keyed by both ids: the first of the list goes first.
  case ranked([UInt64: (rank: Int32, id: Int32)])
  /// By the score of the joined piece: the highest goes first.
  case scored(PieceIndex, [Float])

  /// Builds the list of pairs.
  ///
  /// Errors: `malformedMerge`, `mergeOfUnknownPiece`.
  init(merges: [String], index: PieceIndex) throws(TextError) {
    var table: [UInt64: (rank: Int32, id: Int32)] = [:]
    table.reserveCapacity(merges.count)
    for (rank, merge) in merges.enumerated() {
      let bytes = Array(merge.utf8)
      guard let space = bytes.dropFirst().firstIndex(of: 0x20), space + 1 < bytes.count else {
        throw .malformedMerge(index: rank, merge: merge)
      }
      let (first, second) = (bytes[..<space], bytes[(space + 1)...])
      func id(_ spelling: ArraySlice<UInt8>) throws(TextError) -> Int32 {
        guard let id = index[spelling] else {
          throw .mergeOfUnknownPiece(index: rank, piece: String(decoding: spelling, as: UTF8.self))
        }
        return id
      }
      let key = Self.key(try id(first), try id(second))
      let joined = try id((first + second)[...])
      if table[key] == nil { table[key] = (Int32(clamping: rank), joined) }
    }
    self = .ranked(table)
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The merge of two neighbours, given their ids (negative: no piece) and the bytes they cover together.
  ///
  /// A higher priority goes first.
  func merge(_ left: Int32, _ right: Int32, spelling: ArraySlice<UInt8>) -> (priority: Float, id: Int32)? {
    switch self {
    case .ranked(let table):
      guard left >= 0, right >= 0, let found = table[Self.key(left, right)] else { return nil }
      return (-Float(found.rank), found.id)
    case .scored(let index, let scores):
      guard let id = index[spelling] else { return nil }
      return (scores[Int(id)], id)
    }
  }
}
