import KelvinPolicies
import KelvinTensors

extension Tensor {
  /// Tokens whose values go through the output projection at a time.
  private static let piece = 16

  /// For each KV head the mean over its query heads of ‖W_O v‖₁, row by row, for values `[T, H·Dv]`.
  ///
  /// `W_O` `[hidden, Hq·Dv]` has a block of columns for each query head. Together they cost as much as the layer's own product;
  /// where values are too narrow for that, a row that is empty but for one block goes through it, at `Hq` times the cost.
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
      let tokens = self[rows: first..<min(rows, first + Self.piece)]
      let moved =
        tokens.multiplied(byBlocksOf: output, heads: heads)
        ?? tokens.spreadOut(queryHeads: queryHeads, group: group).multiplied(by: output)
      let norms = moved.norms(.sum, columns: 0, width: output.rows)
      for row in stride(from: 0, to: norms.count, by: group) {
        result[row / group % heads].append(norms[row..<row + group].reduce(0, +) / Float(group))
      }
    }
    return result
  }

  /// A row for each query head of each token, empty but for the value that the head reads: `[T·Hq, Hq·Dv]`.
  private func spreadOut(queryHeads: Int, group: Int) -> Tensor {
    let width = columns / (queryHeads / group)
    let blocks = processor.tensor(rows: rows * queryHeads, columns: queryHeads * width)
    blocks.pointer.update(repeating: 0, count: blocks.rows * blocks.columns)
    for row in 0..<blocks.rows {
      let (token, queryHead) = (row / queryHeads, row % queryHeads)
      (blocks.pointer + row * blocks.columns + queryHead * width)
        .update(from: pointer + token * columns + queryHead / group * width, count: width)
    }
    return blocks
  }
}
