extension OpenSegment {
  /// The newest members in their ring: for each its weight, and its key and value times the weight.
  var fileWords: [UInt32] { ring.map(\.bitPattern) }

  /// Takes a segment of `members` members from a file.
  init(window: Int, members: Int, width: Int, from file: inout SectionReader) throws(CacheError) {
    let ring = try file.numbers(.segment, count: window * (1 + width))
    self.init(window: window, width: width, members: members, ring: ring)
  }
}
