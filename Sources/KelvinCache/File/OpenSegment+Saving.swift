extension OpenSegment {
  /// The known members: for each its weight, its key and its value.
  var fileWords: [UInt32] {
    weights.indices.flatMap { ([weights[$0]] + keys[$0] + values[$0]).map(\.bitPattern) }
  }

  /// Takes a segment of `members` members from a file.
  init(
    window: Int, members: Int, keyWidth: Int, valueWidth: Int, from file: inout SectionReader
  ) throws(CacheError) {
    let known = min(members, window)
    let width = 1 + keyWidth + valueWidth
    let numbers = try file.numbers(.segment, count: known * width)
    let rows = (0..<known).map { Array(numbers[$0 * width..<($0 + 1) * width]) }
    self.init(
      window: window, members: members, keys: rows.map { Array($0[1..<1 + keyWidth]) },
      values: rows.map { Array($0[(1 + keyWidth)...]) }, weights: rows.map { $0[0] })
  }
}
