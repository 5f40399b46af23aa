import KelvinAttention
import KelvinTensors

extension StoredTensor {
  /// The rows of a query or key projection, or the elements of its bias, with rotary pairs in another place.
  ///
  /// Pair `i` of a head of width `D` is channels `2i` and `2i + 1` where pairs are adjacent, `i` and `i + D/2` where they
  /// are halves. Every head is reordered alike, so the products of queries and keys stay what they are.
  /// - Parameter headWidth: `D`; the rows are whole heads.
  func withRotaryPairs(_ target: Rotary.Pairs, from source: Rotary.Pairs, headWidth: Int) -> StoredTensor {
    guard source != target else { return self }
    let half = headWidth / 2
    let order = (0..<(shape.first ?? 0)).map { row in
      let (head, channel) = row.quotientAndRemainder(dividingBy: headWidth)
      let place = target == .adjacent ? channel % 2 * half + channel / 2 : channel % half * 2 + channel / half
      return head * headWidth + place
    }
    return reordered(rows: order)
  }
}
