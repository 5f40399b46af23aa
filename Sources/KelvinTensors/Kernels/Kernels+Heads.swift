import CKelvinKernels

extension Tensor {
  /// Multiplies every head of every row by a weight of its own: head `i` of `output` = head `i` of `self` · `weights[i]`ᵀ.
  ///
  /// Read and written are the first columns of each head, as many as the weights have columns and rows; the rest of a
  /// head of `output` stays as it is. The weights are floats and all of one shape.
  /// - Parameters:
  ///   - width: columns from one head of `self` to the next; 0: all heads read the same first columns.
  ///   - weights: one for each head.
  ///   - output: of as many rows.
  ///   - outputWidth: columns from one head of `output` to the next.
  public func multiplyHeads(every width: Int, by weights: [Weight], into output: Tensor, every outputWidth: Int) {
    guard let shape = weights.first else { return }
    precondition(
      weights.allSatisfy { !$0.panels.weight.isQuantised && $0.rows == shape.rows && $0.columns == shape.columns },
      "\(shape.name): heads of several shapes, or of codes")
    precondition(
      rows == output.rows && columns >= width * (weights.count - 1) + shape.columns && shape.rows <= outputWidth
        && output.columns == outputWidth * weights.count,
      "\(weights.count) heads of [\(shape.rows), \(shape.columns)]: [\(rows), \(columns)] into \(output.columns) columns"
    )
    let panels = shape.panels.panelCount
    // Pieces of about 64 KB of weights, as in other products.
    let size = max(1, 65_536 / max(1, Int(shape.panels.weight.panel_bytes)))
    let piecesPerHead = (panels + size - 1) / size
    let table = processor.kernels.table
    processor.parallel(weights.count * piecesPerHead) { piece, _ in
      let (head, part) = (piece / piecesPerHead, piece % piecesPerHead)
      var activations = kelvin_activations()
      activations.values = UnsafePointer(pointer + head * width)
      activations.stride = columns
      withUnsafePointer(to: weights[head].panels.weight) { weight in
        withUnsafePointer(to: activations) { activations in
          table.pointee.multiply(
            weight, activations, Int32(rows), Int32(part * size), Int32(min(panels, (part + 1) * size)), nil,
            output.pointer + head * outputWidth, output.columns)
        }
      }
    }
  }
}
