extension Tensor {
  /// The rows of `indices`, in that order: `[indices.count, columns]`.
  public func gathered(rows indices: [Int]) -> Tensor {
    let result = processor.tensor(rows: indices.count, columns: columns)
    for (row, index) in indices.enumerated() {
      precondition(index >= 0 && index < rows, "row \(index) of a tensor of \(rows) rows")
      (result.pointer + row * columns).update(from: pointer + index * columns, count: columns)
    }
    return result
  }

  /// Adds row `r` of `other`, times `factors[r]`, to row `indices[r]`, in place.
  public func add(_ other: Tensor, times factors: [Float], toRows indices: [Int]) {
    precondition(
      other.columns == columns && other.rows == indices.count && factors.count == indices.count,
      "[\(other.rows), \(other.columns)] times \(factors.count) to \(indices.count) rows of \(columns)")
    for (row, index) in indices.enumerated() {
      precondition(index >= 0 && index < rows, "row \(index) of a tensor of \(rows) rows")
      processor.kernels.add(
        other.pointer + row * columns, times: factors[row], to: pointer + index * columns, count: columns)
    }
  }

  /// Writes `count` columns into the columns from `first` on of every `width` columns, in place.
  ///
  /// `other` has `count` columns for each `width` of `self`, or `count` in all, which are written into every part.
  public func write(_ other: Tensor, columns count: Int, at first: Int, ofEach width: Int) {
    let parts = columns / width
    let step = other.columns == count ? 0 : count
    precondition(
      rows == other.rows && columns == parts * width && first + count <= width
        && (step == 0 || other.columns == parts * count),
      "\(count) of [\(other.rows), \(other.columns)] into [\(rows), \(columns)] at \(first) of \(width)")
    for row in 0..<rows {
      let source = other.pointer + row * other.columns
      for part in 0..<parts {
        (pointer + row * columns + part * width + first).update(from: source + part * step, count: count)
      }
    }
  }
}
