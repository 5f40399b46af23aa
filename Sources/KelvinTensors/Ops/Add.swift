extension Tensor {
  /// Element by element; both `[T, columns]`.
  public static func + (a: Tensor, b: Tensor) -> Tensor {
    precondition(a.rows == b.rows && a.columns == b.columns, "[\(a.rows), \(a.columns)] + [\(b.rows), \(b.columns)]")
    let output = a.processor.tensor(rows: a.rows, columns: a.columns)
    a.processor.add(a, b, into: output)
    return output
  }
}
