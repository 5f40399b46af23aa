extension Vocabulary {
  /// A score for every piece that merges pieces in the order in which `merges` do; the file's own where it has some.
  ///
  /// A file with scores joins the two neighbours whose joined piece has the highest score, one with merges the pair that
  /// comes first in its list. So a piece's score is the place of the first pair that makes it, counted downwards; what
  /// no pair makes has a score below all others.
  public var scoresByMerge: [Float] {
    guard scores.isEmpty else { return scores }
    // By bytes, as everywhere with pieces: both spellings of `é` are equal as strings.
    var ranks: [[UInt8]: Int] = [:]
    for (rank, merge) in merges.enumerated() {
      let joined = merge.utf8.split(separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false).flatMap { $0 }
      if ranks[joined] == nil { ranks[joined] = rank }
    }
    return pieces.map { -Float(ranks[Array($0.utf8)] ?? merges.count) }
  }
}
