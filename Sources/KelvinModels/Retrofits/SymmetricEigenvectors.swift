import Foundation

/// The eigenvalues and eigenvectors of a symmetric matrix, largest first.
///
/// Householder reflections make the matrix tridiagonal, implicit QL steps make it diagonal. Cost: about 4·n³
/// multiplications.
/// Source: Golub and Van Loan, Matrix Computations, §8.3.
package struct SymmetricEigenvectors {
  /// `[n]`, descending.
  package private(set) var values: ContiguousArray<Double> = []
  /// `[n, n]`, a row for each eigenvector, in the order of `values`.
  package private(set) var vectors: ContiguousArray<Double> = []

  private let n: Int
  private var diagonal: ContiguousArray<Double>
  /// Element `i` couples `i` and `i + 1`.
  private var coupling: ContiguousArray<Double>

  /// - Parameter matrix: `[n, n]`, symmetric.
  package init(_ matrix: ContiguousArray<Double>, size n: Int) {
    precondition(matrix.count == n * n, "\(matrix.count) numbers for a matrix of \(n) × \(n)")
    self.n = n
    diagonal = ContiguousArray(repeating: 0, count: n)
    coupling = ContiguousArray(repeating: 0, count: n)
    vectors = ContiguousArray(repeating: 0, count: n * n)
    for index in 0..<n { vectors[index * n + index] = 1 }
    tridiagonalise(matrix)
    for index in 0..<n { diagonalise(from: index) }
    let order = diagonal.indices.sorted { diagonal[$0] > diagonal[$1] }
    values = ContiguousArray(order.map { diagonal[$0] })
    vectors = ContiguousArray(order.flatMap { vectors[$0 * n..<($0 + 1) * n] })
  }

  /// Reflects columns, one after another, onto their first two numbers; `vectors` becomes the product of the reflections.
  private mutating func tridiagonalise(_ matrix: ContiguousArray<Double>) {
    var matrix = matrix
    for column in 0..<max(0, n - 2) {
      let below = column + 1..<n
      var mirror = ContiguousArray(below.map { matrix[column * n + $0] })
      let length = mirror.reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard length > 0 else { continue }
      mirror[0] += mirror[0] < 0 ? -length : length
      let norm = mirror.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for index in mirror.indices { mirror[index] /= norm }
      reflect(&matrix, mirror, from: column)
      // The rows of `vectors` are the columns of the product.
      reflectRows(&vectors, mirror, from: below.lowerBound)
    }
    for index in 0..<n {
      diagonal[index] = matrix[index * n + index]
      if index + 1 < n { coupling[index] = matrix[index * n + index + 1] }
    }
  }

  /// `A ← P A P` with `P = 1 − 2 u uᵀ`, of the part of `A` from `first` on; `mirror` begins one later.
  private func reflect(_ matrix: inout ContiguousArray<Double>, _ mirror: ContiguousArray<Double>, from first: Int) {
    let start = first + 1
    var image = ContiguousArray<Double>(repeating: 0, count: n - first)
    for row in first..<n {
      var sum = 0.0
      for index in mirror.indices { sum += matrix[row * n + start + index] * mirror[index] }
      image[row - first] = sum
    }
    var overlap = 0.0
    for index in mirror.indices { overlap += image[index + 1] * mirror[index] }
    for index in mirror.indices { image[index + 1] -= overlap * mirror[index] }
    // A − 2 u wᵀ − 2 w uᵀ with w = A u − (uᵀ A u) u; u is zero at `first`.
    for row in first..<n {
      let (own, other) = (row == first ? 0 : mirror[row - start], image[row - first])
      for column in first..<n {
        let mirrored = column == first ? 0 : mirror[column - start]
        matrix[row * n + column] -= 2 * (own * image[column - first] + other * mirrored)
      }
    }
  }

  /// `M ← P M` with `P = 1 − 2 u uᵀ`, where `u` begins at row `first`.
  private func reflectRows(
    _ matrix: inout ContiguousArray<Double>, _ mirror: ContiguousArray<Double>, from first: Int
  ) {
    var sums = ContiguousArray<Double>(repeating: 0, count: n)
    for (index, weight) in mirror.enumerated() {
      for column in 0..<n { sums[column] += weight * matrix[(first + index) * n + column] }
    }
    for (index, weight) in mirror.enumerated() {
      for column in 0..<n { matrix[(first + index) * n + column] -= 2 * weight * sums[column] }
    }
  }

  /// Implicit QL steps until `coupling[index]` is nothing beside its neighbours.
  private mutating func diagonalise(from index: Int) {
    // Each step about triples the number of right digits; 60 are never needed.
    for _ in 0..<60 {
      let end = (index..<n - 1).first { place in
        let size = abs(diagonal[place]) + abs(diagonal[place + 1])
        return size + abs(coupling[place]) == size
      }
      let last = end ?? n - 1
      guard last > index else { return }
      step(from: index, to: last)
    }
  }

  /// One QL step with Wilkinson's shift on the part from `first` to `last`.
  private mutating func step(from first: Int, to last: Int) {
    let slope = (diagonal[first + 1] - diagonal[first]) / (2 * coupling[first])
    let root = hypot(slope, 1)
    var chased = diagonal[last] - diagonal[first] + coupling[first] / (slope + (slope < 0 ? -root : root))
    var (sine, cosine, carry) = (1.0, 1.0, 0.0)
    for place in (first..<last).reversed() {
      let (f, b) = (sine * coupling[place], cosine * coupling[place])
      let length = hypot(f, chased)
      coupling[place + 1] = length
      guard length > 0 else {
        diagonal[place + 1] -= carry
        coupling[last] = 0
        return
      }
      (sine, cosine) = (f / length, chased / length)
      let shifted = diagonal[place + 1] - carry
      let turned = (diagonal[place] - shifted) * sine + 2 * cosine * b
      carry = sine * turned
      diagonal[place + 1] = shifted + carry
      chased = cosine * turned - b
      turn(place, place + 1, sine: sine, cosine: cosine)
    }
    diagonal[first] -= carry
    coupling[first] = chased
    coupling[last] = 0
  }

  /// Turns two eigenvectors into each other.
  private mutating func turn(_ a: Int, _ b: Int, sine: Double, cosine: Double) {
    for column in 0..<n {
      let (left, right) = (vectors[a * n + column], vectors[b * n + column])
      vectors[b * n + column] = sine * left + cosine * right
      vectors[a * n + column] = cosine * left - sine * right
    }
  }
}
