extension Tensor {
  /// `gelu(self)` with `gelu(x) = x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2`, the form with tanh (arXiv 1606.08415).
  public func gelu() -> Tensor {
    let output = processor.tensor(rows: rows, columns: columns)
    processor.gelu(self, into: output)
    return output
  }

  /// `gelu(self) · up`: the gate of GEGLU (arXiv 2002.05202).
  ///
  /// Both `[T, columns]`.
  public func geluGating(_ up: Tensor) -> Tensor {
    precondition(rows == up.rows && columns == up.columns, "[\(rows), \(columns)] gates [\(up.rows), \(up.columns)]")
    let output = processor.tensor(rows: rows, columns: columns)
    processor.geluMultiply(gate: self, up: up, into: output)
    return output
  }
}
