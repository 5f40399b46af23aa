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
