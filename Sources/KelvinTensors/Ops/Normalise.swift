extension Tensor {
  /// Root-mean-square norm of each stretch of `gain.count` columns: `x / √(mean(x²) + ε) · (gain + offset)`.
  ///
  /// With a gain as wide as a head, every head is normalised by itself. Source: arXiv 1910.07467.
  public func rmsNormalised(gain: ContiguousArray<Float>, offset: Float = 0, epsilon: Float) -> Tensor {
    precondition(columns.isMultiple(of: gain.count), "\(columns) columns, a gain of \(gain.count)")
    let output = processor.tensor(rows: rows, columns: columns)
    processor.rmsNormalise(self, gain: gain, offset: offset, epsilon: epsilon, into: output)
    return output
  }
}

extension Tensor {
  /// Layer norm of each row: `(x − mean(x)) / √(variance(x) + ε) · gain + bias`.
  ///
  /// Source: arXiv 1607.06450.
  public func layerNormalised(
    gain: ContiguousArray<Float>, bias: ContiguousArray<Float>, epsilon: Float
  ) -> Tensor {
    precondition(columns == gain.count && columns == bias.count, "\(columns) columns, a gain of \(gain.count)")
    let output = processor.tensor(rows: rows, columns: columns)
    processor.layerNormalise(self, gain: gain, bias: bias, epsilon: epsilon, into: output)
    return output
  }
}
