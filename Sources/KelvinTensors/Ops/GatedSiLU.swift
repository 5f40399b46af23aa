extension Tensor {
  /// `silu(self) · up` with `silu(x) = x / (1 + e⁻ˣ)`: the gate of SwiGLU (arXiv 2002.05202).
  ///
  /// Both `[T, columns]`.
  public func siluGating(_ up: Tensor) -> Tensor {
    precondition(rows == up.rows && columns == up.columns, "[\(rows), \(columns)] gates [\(up.rows), \(up.columns)]")
    let output = processor.tensor(rows: rows, columns: columns)
    processor.siluMultiply(gate: self, up: up, into: output)
    return output
  }
}
