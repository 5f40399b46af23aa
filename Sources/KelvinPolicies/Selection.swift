/// The rule by which entries are chosen; pure and deterministic.
public enum Selection {
  /// The indices, ascending, of the entries that stay.
  ///
  /// Protected entries come first: positions below `first`, oldest first, then the `last` newest, newest first. The rest
  /// of the budget goes to the highest scores; equal scores, the smaller position. `positions` must ascend.
  public static func keep(positions: [Int32], scores: [Float], budget: Int, first: Int, last: Int) -> [Int] {
    let count = positions.count
    guard count > budget else { return Array(0..<count) }
    let isSink = positions.map { $0 < first }
    let isRecent = positions.indices.map { !isSink[$0] && $0 >= count - last }
    var kept = positions.indices.filter { isSink[$0] }
    kept += positions.indices.filter { isRecent[$0] }.reversed()
    kept = Array(kept.prefix(budget))
    let others = positions.indices.filter { !isSink[$0] && !isRecent[$0] }
      .sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
    kept += others.prefix(max(0, budget - kept.count))
    return kept.sorted()
  }

  /// The entries of a bag that leave; `scores[j]` is the worth of entry `j`.
  static func surplus(in head: HeadLedger, scores: [Float], budget: Int, first: Int, last: Int) -> [Int] {
    let order = head.entriesByPosition
    let kept = keep(
      positions: order.map { head.positions[$0] }, scores: order.map { scores[$0] }, budget: budget, first: first,
      last: last)
    var stays = Array(repeating: false, count: head.count)
    for rank in kept { stays[order[rank]] = true }
    return stays.indices.filter { !stays[$0] }
  }

  /// Entries that are faster found one after the other than by putting all in order, as reviews every so many steps let go.
  ///
  /// With 1600 entries and `every=16` H2O made 85 % of the full cache's speed by putting all in order, and makes 98 %
  /// (`kelvin bench -p 0 -d 1600 -n 32 -r 20 --beside h2o:budget=1600,every=16`). The number itself is a guess.
  static let few = 48

  /// The entries that leave where a few do: as often as there are, the lowest score of the rest; of equal ones the newest position.
  /// - Parameters:
  ///   - first: positions below stay.
  ///   - last: of the newest positions up to `newest` so many stay.
  /// - Returns: `nil` where these are not all there, so that the window is not known without sorting, where nothing is left, and where
  ///   one of several has no finite score.
  static func lowest(
    _ count: Int, of scores: ContiguousArray<Float>, positions: ContiguousArray<Int32>, first: Int32, newest: Int,
    last: Int
  ) -> [Int]? {
    guard newest >= last - 1 else { return nil }
    var scores = LowestScores(
      scores, positions: positions, first: first, window: Int32(clamping: newest - last))
    guard scores.countInWindow == last else { return nil }
    var found: [Int] = []
    while found.count < count {
      guard let lowest = scores.takeLowest(), lowest.score < .infinity || count == 1 else { return nil }
      found.append(lowest.entry)
    }
    return found
  }
}

extension HeadLedger {
  /// The entries, oldest first.
  var entriesByPosition: [Int] {
    Array(0..<count).sorted { positions[$0] < positions[$1] }
  }
}
