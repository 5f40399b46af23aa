import KelvinAttention
import KelvinTensors

extension StoredTensor {
  /// The rows of a query or key projection, or the elements of its bias, with rotary pairs in another place.
  ///
  /// Pair `i` of a head of width `D` is channels `2i` and `2i + 1` where pairs are adjacent, `i` and `i + D/2` where they
  /// are halves. Every head is reordered alike, so the products of queries and keys stay what they are.
  /// - Parameters:
  ///   - headWidth: `D` and what stands before it; the rows are whole heads.
  ///   - plain: channels of a head before the turned ones, which stay where they are.
  func withRotaryPairs(
    _ target: Rotary.Pairs, from source: Rotary.Pairs, headWidth: Int, behind plain: Int = 0
  ) -> StoredTensor {
    guard source != target else { return self }
    let half = (headWidth - plain) / 2
    let order = (0..<(shape.first ?? 0)).map { row in
      let channel = row % headWidth - plain
      guard channel >= 0 else { return row }
      let place = target == .adjacent ? channel % 2 * half + channel / 2 : channel % half * 2 + channel / half
      return row - channel + place
    }
    return reordered(rows: order)
  }
}
