import KelvinPolicies
import KelvinTensors

extension Tensor {
  /// Tokens whose values go through the output projection at a time.
  private static let piece = 16

  /// For each KV head the mean over its query heads of ‖W_O v‖₁, row by row, for values `[T, H·Dv]`.
  ///
  /// `W_O` `[hidden, Hq·Dv]` has a block of columns for each query head; a row that is empty but for one block goes through that
  /// block alone. So a token costs as much as `Hq` tokens in the layer's own product.
  /// - Parameters:
  ///   - output: `W_O`; `nil`: the value itself is measured.
  ///   - heads: KV heads `H`.
  func outputNorms(through output: Weight?, heads: Int) -> [[Float]] {
    let width = columns / heads
    guard let output else { return (0..<heads).map { norms(.sum, columns: $0 * width, width: width) } }
    let queryHeads = output.columns / width
    let group = queryHeads / heads
    var result = [[Float]](repeating: [], count: heads)
    for first in stride(from: 0, to: rows, by: Self.piece) {
      let tokens = first..<min(rows, first + Self.piece)
      let blocks = processor.tensor(rows: tokens.count * queryHeads, columns: output.columns)
      blocks.pointer.update(repeating: 0, count: blocks.rows * blocks.columns)
      for row in 0..<blocks.rows {
        let (token, queryHead) = (first + row / queryHeads, row % queryHeads)
        (blocks.pointer + row * blocks.columns + queryHead * width)
          .update(from: pointer + token * columns + queryHead / group * width, count: width)
      }
      let moved = blocks.multiplied(by: output).norms(.sum, columns: 0, width: output.rows)
      for token in 0..<tokens.count {
        for head in 0..<heads {
          let row = token * queryHeads + head * group
          result[head].append(moved[row..<row + group].reduce(0, +) / Float(group))
        }
      }
    }
    return result
  }
}
