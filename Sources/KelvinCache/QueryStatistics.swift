import KelvinAttention
import KelvinTensors
import Synchronization

/// How the queries of each query head were spread before they were turned: their sums, and the sums of their products.
struct QueryStatistics {
  /// Queries that were added.
  private(set) var count = 0
  /// `[Hq, Dk]`.
  var sums: ContiguousArray<Double> = []
  /// `[Hq, Dk · (Dk + 1) / 2]`: the lower triangle, row by row.
  var products: ContiguousArray<Double> = []

  /// For each head the columns of a triangular matrix whose square is the covariance; empty: not known.
  private var factors: [[[Double]]] = []

  /// No queries yet.
  init() {}

  /// What is known of `count` queries.
  init(count: Int, sums: ContiguousArray<Double>, products: ContiguousArray<Double>) {
    self.count = count
    self.sums = sums
    self.products = products
  }

  /// Says that `added` queries of `heads` heads of `width` numbers are about to be added.
  mutating func expect(_ added: Int, heads: Int, width: Int) {
    count += added
    factors = []
    guard sums.isEmpty else { return }
    sums = ContiguousArray(repeating: 0, count: heads * width)
    products = ContiguousArray(repeating: 0, count: heads * width * (width + 1) / 2)
  }

  /// Computes what probes are made of, once for all reviews that follow a prompt: in every step it took a quarter of a review.
  mutating func factorise(width: Int, on processor: Processor) {
    guard count > 0, factors.isEmpty else { return }
    let heads = sums.count / width
    let found = Mutex([[[Double]]](repeating: [], count: heads))
    let statistics = self
    processor.parallel(heads) { head, _ in
      let columns = statistics.factor(head: head, width: width, mean: statistics.mean(head: head, width: width))
      found.withLock { $0[head] = columns }
    }
    factors = found.withLock { $0 }
  }

  private func mean(head: Int, width: Int) -> [Double] {
    sums[head * width..<(head + 1) * width].map { $0 / Double(count) }
  }

  /// What entries are multiplied by to learn what attention they can expect: `Dk + 1` rows of `Dk` numbers.
  ///
  /// The first row is the mean μ. The others are the columns `c` of a triangular `C` with `C·Cᵀ = Σ`, so that
  /// `kᵀΣk = Σ_c (C_c·k)²`. All are turned by the mean rotation.
  func probes(head: Int, width: Int, rotation: MeanRotation) -> [[Double]] {
    guard count > 0 else { return Array(repeating: Array(repeating: 0, count: width), count: width + 1) }
    let mean = mean(head: head, width: width)
    var rows = [mean] + (factors.isEmpty ? factor(head: head, width: width, mean: mean) : factors[head])
    for row in rows.indices { rotation.turn(&rows[row]) }
    return rows
  }

  /// The columns of a triangular matrix whose square is the covariance (Cholesky).
  ///
  /// A covariance of fewer queries than numbers has directions without any spread: a pivot that is nothing but rounding
  /// leaves its column empty.
  private func factor(head: Int, width: Int, mean: [Double]) -> [[Double]] {
    let first = head * width * (width + 1) / 2
    func covariance(_ row: Int, _ column: Int) -> Double {
      products[first + row * (row + 1) / 2 + column] / Double(count) - mean[row] * mean[column]
    }
    let least = (0..<width).reduce(0) { $0 + products[first + $1 * ($1 + 3) / 2] / Double(count) } * 1e-13
    var columns = [[Double]](repeating: Array(repeating: 0, count: width), count: width)
    for pivot in 0..<width {
      var remainder = (pivot..<width).map { covariance($0, pivot) }
      for earlier in 0..<pivot {
        let weight = columns[earlier][pivot]
        for row in pivot..<width { remainder[row - pivot] -= weight * columns[earlier][row] }
      }
      guard remainder[0] > least else { continue }
      let root = remainder[0].squareRoot()
      for row in pivot..<width { columns[pivot][row] = remainder[row - pivot] / root }
    }
    return columns
  }
}

/// The mean of the rotations at several positions.
struct MeanRotation {
  private let pairs: [(first: Int, second: Int, cosine: Double, sine: Double)]

  /// The mean of the rotations with these `cosines` and `sines`, `[positions, pairs]`; without `rotary` nothing turns.
  ///
  /// Heads are `width` numbers wide.
  init(_ rotary: Rotary?, width: Int, cosines: ContiguousArray<Float>, sines: ContiguousArray<Float>) {
    let turned = rotary?.frequencies.count ?? 0
    let isAdjacent = rotary?.pairs == .adjacent
    let start = rotary?.isTrailing == true ? width - 2 * turned : 0
    pairs = (0..<turned).map { pair in
      var (cosine, sine) = (0.0, 0.0)
      for index in stride(from: pair, to: cosines.count, by: turned) {
        cosine += Double(cosines[index])
        sine += Double(sines[index])
      }
      let positions = Double(cosines.count / turned)
      let (first, second) = isAdjacent ? (2 * pair, 2 * pair + 1) : (pair, pair + turned)
      return (start + first, start + second, cosine / positions, sine / positions)
    }
  }

  /// Turns a vector of a head's width.
  func turn(_ vector: inout [Double]) {
    for pair in pairs {
      let (a, b) = (vector[pair.first], vector[pair.second])
      vector[pair.first] = a * pair.cosine - b * pair.sine
      vector[pair.second] = a * pair.sine + b * pair.cosine
    }
  }
}
