/// The scores of a head's entries, from which the lowest can be taken one after the other.
///
/// Loops without branches over whole numbers, which the compiler turns into vectors: positions lie in no order, and counts tie often, so
/// that many branches would be mistaken. With branches it took 6 µs for 1600 entries. The lowest rank of each block is noted, so
/// that all entries are looked at once, and only blocks that hold the lowest of all again.
struct LowestScores {
  private static let blockLength = 64
  /// The rank of what may not leave.
  private static let stays = Int32.max

  private var scores: ContiguousArray<Float>
  private let positions: ContiguousArray<Int32>
  /// Positions below `first` and above `window` stay.
  private let first, window: Int32
  /// For each block the lowest of its ranks.
  private var lowest: ContiguousArray<Int32>
  /// The entry that was taken last.
  private var taken: Int?
  /// The entries whose positions are above the window's end.
  let countInWindow: Int

  /// Looks at all entries.
  init(_ scores: ContiguousArray<Float>, positions: ContiguousArray<Int32>, first: Int32, window: Int32) {
    // That places exist is checked once, here.
    precondition(scores.count == positions.count, "\(scores.count) scores of \(positions.count) entries")
    (self.scores, self.positions, self.first, self.window) = (scores, positions, first, window)
    let blocks = (scores.count + Self.blockLength - 1) / Self.blockLength
    lowest = ContiguousArray(repeating: Self.stays, count: blocks)
    var inWindow = Int32(0)
    for block in 0..<blocks {
      let found = Self.look(at: block, scores, positions, first, window)
      lowest[block] = found.rank
      inWindow &+= found.inWindow
    }
    countInWindow = Int(inWindow)
  }

  /// The entry with the lowest score that is left, and the score, of equal ones the newest; `nil`: none may leave.
  mutating func takeLowest() -> (entry: Int, score: Float)? {
    if let taken {
      scores[taken] = .infinity
      lowest[taken / Self.blockLength] =
        Self.look(at: taken / Self.blockLength, scores, positions, first, window).rank
    }
    guard let least = lowest.min(), least < Self.stays else { return nil }
    var (newest, place) = (Int32(-1), 0)
    for block in lowest.indices where lowest[block] == least {
      let candidate = newestPosition(in: block, ranked: least)
      if candidate > newest { (newest, place) = (candidate, block) }
    }
    // No two have the same position.
    taken = Self.entries(of: place, count: scores.count).first { positions[$0] == newest }
    return taken.map { ($0, scores[$0]) }
  }

  /// The lowest rank of a block, and how many of its entries are in the window.
  private static func look(
    at block: Int, _ scores: ContiguousArray<Float>, _ positions: ContiguousArray<Int32>, _ first: Int32,
    _ window: Int32
  ) -> (rank: Int32, inWindow: Int32) {
    let (scores, positions) = (scores.span, positions.span)
    var (least, inWindow) = (stays, Int32(0))
    for entry in entries(of: block, count: scores.count) {
      let position = positions[unchecked: entry]
      inWindow &-= (window &- position) &>> 31
      let rank = rank(scores[unchecked: entry], at: position, first, window)
      least = rank < least ? rank : least
    }
    return (least, inWindow)
  }

  /// The newest position of a block's entries with a rank.
  private func newestPosition(in block: Int, ranked rank: Int32) -> Int32 {
    let (scores, positions) = (scores.span, positions.span)
    var newest = Int32(-1)
    for entry in Self.entries(of: block, count: scores.count) {
      let position = positions[unchecked: entry]
      let difference = Self.rank(scores[unchecked: entry], at: position, first, window) ^ rank
      let candidate = position | ((difference | (0 &- difference)) &>> 31)
      newest = candidate > newest ? candidate : newest
    }
    return newest
  }

  private static func entries(of block: Int, count: Int) -> Range<Int> {
    block * blockLength..<min(count, (block + 1) * blockLength)
  }

  /// A number that orders entries as they leave; who may not leave ranks last.
  ///
  /// Floats are ordered like their bits once those of negative ones are turned round.
  @inline(__always)
  private static func rank(_ score: Float, at position: Int32, _ first: Int32, _ window: Int32) -> Int32 {
    let bits = Int32(bitPattern: (score + 0).bitPattern)  // No negative zero.
    let stays = ((window &- position) | (position &- first)) &>> 31
    return ((bits ^ ((bits &>> 31) & .max)) & ~stays) | (stays & Self.stays)
  }
}
