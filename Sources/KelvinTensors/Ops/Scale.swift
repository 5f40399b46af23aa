extension Tensor {
  /// `factor · self`.
  public func scaled(by factor: Float) -> Tensor {
    let output = self[rows: 0..<rows]
    processor.scale(output, by: factor)
    return output
  }
}
