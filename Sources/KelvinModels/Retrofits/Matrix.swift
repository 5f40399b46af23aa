/// A small matrix of a conversion, row after row.
struct Matrix: Sendable {
  var rows: Int
  var columns: Int
  var numbers: ContiguousArray<Float>

  init(rows: Int, columns: Int, numbers: ContiguousArray<Float>) {
    precondition(numbers.count == rows * columns, "\(numbers.count) numbers for [\(rows), \(columns)]")
    (self.rows, self.columns, self.numbers) = (rows, columns, numbers)
  }

  /// Zeros.
  init(rows: Int, columns: Int) {
    self.init(rows: rows, columns: columns, numbers: ContiguousArray(repeating: 0, count: rows * columns))
  }

  func row(_ index: Int) -> ArraySlice<Float> { ArraySlice(numbers[index * columns..<(index + 1) * columns]) }

  mutating func set(row index: Int, to row: some Collection<Float>, times factor: Float) {
    for (column, number) in row.enumerated() { numbers[index * columns + column] = number * factor }
  }

  /// The rows of `indices`, in that order.
  func rows(_ indices: [Int]) -> Matrix {
    Matrix(rows: indices.count, columns: columns, numbers: ContiguousArray(indices.flatMap { row($0) }))
  }

  /// These rows, then those of `other`.
  func stacked(on other: Matrix) -> Matrix {
    Matrix(rows: rows + other.rows, columns: columns, numbers: numbers + other.numbers)
  }

  /// This matrix above and left, `other` below and right, zeros elsewhere.
  func beside(_ other: Matrix) -> Matrix {
    var result = Matrix(rows: rows + other.rows, columns: columns + other.columns)
    for row in 0..<rows {
      for column in 0..<columns { result.numbers[row * result.columns + column] = numbers[row * columns + column] }
    }
    for row in 0..<other.rows {
      let start = (rows + row) * result.columns + columns
      for column in 0..<other.columns { result.numbers[start + column] = other.numbers[row * other.columns + column] }
    }
    return result
  }

  /// `self · other`.
  func product(_ other: Matrix) -> Matrix {
    precondition(columns == other.rows, "[\(rows), \(columns)] × [\(other.rows), \(other.columns)]")
    var result = Matrix(rows: rows, columns: other.columns)
    for row in 0..<rows {
      for inner in 0..<columns {
        let factor = numbers[row * columns + inner]
        for column in 0..<other.columns {
          result.numbers[row * other.columns + column] += factor * other.numbers[inner * other.columns + column]
        }
      }
    }
    return result
  }
}
