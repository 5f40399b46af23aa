import CKelvinKernels

extension Tensor {
  /// Each head's part of every row, through each block of a weight's columns that reads this head, and through no other.
  ///
  /// It costs as much as one product of the rows with the weight.
  /// - Parameters:
  ///   - weight: `[rows, Hq·w]`, a block of columns for each query head.
  ///   - heads: the heads `H` of `self` `[T, H·w]`; `Hq/H` neighbouring blocks read each.
  /// - Returns: `[T·Hq, rows]`, row `t·Hq + q` for block `q`; `nil` where blocks do not begin with a block of the packing.
  public func multiplied(byBlocksOf weight: Weight, heads: Int) -> Tensor? {
    let width = columns / heads
    precondition(
      columns.isMultiple(of: heads) && weight.columns.isMultiple(of: columns),
      "\(heads) heads of \(columns) columns in \(weight.name) of \(weight.columns)")
    guard width.isMultiple(of: Int(KELVIN_BLOCK)) else { return nil }
    let queryHeads = weight.columns / width
    let output = processor.tensor(rows: rows * queryHeads, columns: weight.rows)
    let inputs = (0..<heads).map { head in columns(head * width..<(head + 1) * width, ofEach: columns) }
    let activations = inputs.map { $0.activations(quantised: weight.panels.weight.isQuantised, halved: false) }
    let panels = weight.panels.panelCount
    let kernels = processor.kernels
    // Blocks in halves, so that two threads share an odd number.
    processor.parallel(2 * queryHeads) { piece, _ in
      let head = piece / 2
      let part = piece.isMultiple(of: 2) ? 0..<panels / 2 : panels / 2..<panels
      let columns = withUnsafePointer(to: weight.panels.weight) {
        kelvin_weight_columns($0, Int32(head * width), Int32(width))
      }
      withUnsafePointer(to: columns) { block in
        withUnsafePointer(to: activations[head / (queryHeads / heads)]) {
          kernels.table.pointee.multiply(
            block, $0, Int32(rows), Int32(part.lowerBound), Int32(part.upperBound), nil,
            output.pointer + head * output.columns, queryHeads * output.columns)
        }
      }
    }
    withExtendedLifetime(inputs) {}
    return output
  }
}
