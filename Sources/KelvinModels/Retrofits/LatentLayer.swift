import KelvinAttention

/// One layer of a conversion: which channels stay turned, and the directions of its latents.
struct LatentLayer {
  /// For each KV head the pairs that stay turned, ascending.
  let keptPairs: [[Int]]
  /// The channels that do not, per KV head.
  let plainChannels: [[Int]]
  /// The frequencies of all kept pairs, KV head by KV head.
  let frequencies: [Double]
  private let decomposition: LatentDecomposition

  init(_ conversion: LatentConversion, _ source: GroupedSource, _ seen: LatentCalibration.Layer) {
    let (width, heads, group) = (source.headWidth, source.keyValueHeads, source.heads / source.keyValueHeads)
    let pairs = source.rotary.channels(width: width)
    let kept = (0..<heads).map { head in
      let scores = pairs.indices.map { pair in
        let queries = (head * group..<(head + 1) * group).reduce(0) { $0 + seen.queries[$1 * pairs.count + pair] }
        return queries * seen.keys[head * pairs.count + pair]
      }
      let best = pairs.indices.sorted { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1] }
      return best.prefix(conversion.turnedChannels / 2).sorted()
    }
    keptPairs = kept
    plainChannels = kept.map { kept in
      let turned = Set(kept.flatMap { [pairs[$0].0, pairs[$0].1] })
      return (0..<width).filter { !turned.contains($0) }
    }
    frequencies = kept.joined().map { source.rotary.frequencies[$0] }
    let keyRows = plainChannels.enumerated().flatMap { head, channels in channels.map { head * width + $0 } }
    let valueRows = (0..<heads * width).map { heads * width + $0 }
    let isBalanced = conversion.basis == .activations
    func decomposed(_ keys: [Int], _ values: [Int], _ rank: Int) -> LatentDecomposition {
      LatentDecomposition(
        moments: seen.moments, size: 2 * heads * width, keys: keys, values: values, rank: rank, isBalanced: isBalanced)
    }
    switch conversion.decomposition {
    case .joint: decomposition = decomposed(keyRows, valueRows, conversion.latentWidth)
    case .split:
      // Halves, but for what one of them has no room for.
      let half = max(conversion.latentWidth / 2, conversion.latentWidth - valueRows.count)
      let rank = min(half, keyRows.count)
      decomposition = decomposed(keyRows, [], rank)
        .beside(decomposed([], valueRows, conversion.latentWidth - rank))
    }
  }

  /// The tensors of attention but the output projection, which stays.
  func matrices(
    _ source: GroupedSource, _ weights: GroupedSource.Weights
  ) -> [(DeepSeekTensorNames.Part, Matrix)] {
    [
      (.query, queries(source, weights.query)), (.latentDown, down(source, weights)),
      (.keyValueUp, up(source)),
    ]
  }

  /// The channels of a KV head that stay turned, pair after pair.
  private func turnedChannels(_ source: GroupedSource, head: Int) -> [Int] {
    let pairs = source.rotary.channels(width: source.headWidth)
    return keptPairs[head].flatMap { [pairs[$0].0, pairs[$0].1] }
  }

  /// `[Hq·(Dn + Dr), hidden]`, scaled so that scores keep their size although heads are wider; what turning multiplied
  /// queries and keys by is in them too.
  private func queries(_ source: GroupedSource, _ query: Matrix) -> Matrix {
    let turnedWidth = 2 * keptPairs[0].count
    let headWidth = plainChannels[0].count + turnedWidth * source.keyValueHeads
    let magnitude = Float(source.rotary.magnitude)
    let factor = (Float(headWidth) / Float(source.headWidth)).squareRoot() * magnitude * magnitude
    var result = Matrix(rows: source.heads * headWidth, columns: query.columns)
    for head in 0..<source.heads {
      let group = head / (source.heads / source.keyValueHeads)
      let firstTurned = plainChannels[group].count + group * turnedWidth
      for (index, channel) in plainChannels[group].enumerated() {
        result.set(row: head * headWidth + index, to: query.row(head * source.headWidth + channel), times: factor)
      }
      for (index, channel) in turnedChannels(source, head: group).enumerated() {
        let row = head * headWidth + firstTurned + index
        result.set(row: row, to: query.row(head * source.headWidth + channel), times: factor)
      }
    }
    return result
  }

  /// `[Dc + Dr, hidden]`: the latents' directions of keys and values, then the turned channels of all KV heads.
  private func down(_ source: GroupedSource, _ weights: GroupedSource.Weights) -> Matrix {
    let latent = decomposition.down.product(weights.keysAndValues.rows(decomposition.rows))
    let turned = (0..<source.keyValueHeads).flatMap { head in
      turnedChannels(source, head: head).map { head * source.headWidth + $0 }
    }
    return latent.stacked(on: weights.keysAndValues.rows(turned))
  }

  /// `[Hq·(Dn + Dv), Dc]`, head by head keys then values.
  private func up(_ source: GroupedSource) -> Matrix {
    let plain = plainChannels[0].count
    let firstValue = source.keyValueHeads * plain
    let rows = (0..<source.heads).flatMap { head in
      let group = head / (source.heads / source.keyValueHeads)
      return Array(group * plain..<(group + 1) * plain)
        + (0..<source.headWidth).map { firstValue + group * source.headWidth + $0 }
    }
    return decomposition.up.rows(rows)
  }
}

/// The directions in which keys and values vary most.
package struct LatentDecomposition {
  /// The rows of keys and values that take part, keys first.
  let rows: [Int]
  /// `[rank, rows]`: keys and values to latents.
  let down: Matrix
  /// `[rows, rank]`: latents to keys and values.
  let up: Matrix
  /// What the latents lose of the sum of (balanced) squares.
  package let lost: Double

  /// - Parameters:
  ///   - moments: `[size, size]`, sums of `x xᵀ`; only those up to the diagonal are read.
  ///   - keys: the rows of `x` that are keys.
  ///   - values: those that are values.
  ///   - isBalanced: whether keys are divided by how much longer they are than values, so that both are kept alike.
  package init(
    moments: ContiguousArray<Double>, size: Int, keys: [Int], values: [Int], rank: Int, isBalanced: Bool
  ) {
    func power(_ rows: [Int]) -> Double { rows.reduce(0) { $0 + moments[$1 * size + $1] } }
    let ratio = isBalanced && power(values) > 0 ? (power(keys) / power(values)).squareRoot() : 1
    let all = keys + values
    let weights = ContiguousArray(all.indices.map { $0 < keys.count && ratio > 0 ? 1 / ratio : 1 })
    var balanced = ContiguousArray<Double>(repeating: 0, count: all.count * all.count)
    for (row, from) in all.enumerated() {
      for (column, other) in all.enumerated() {
        let moment = moments[max(from, other) * size + min(from, other)]
        balanced[row * all.count + column] = moment * weights[row] * weights[column]
      }
    }
    let eigen = SymmetricEigenvectors(balanced, size: all.count)
    var (down, up) = (Matrix(rows: rank, columns: all.count), Matrix(rows: all.count, columns: rank))
    for direction in 0..<rank {
      for row in all.indices {
        let component = eigen.vectors[direction * all.count + row]
        down.numbers[direction * all.count + row] = Float(component * weights[row])
        up.numbers[row * rank + direction] = Float(component / weights[row])
      }
    }
    (rows, self.down, self.up) = (all, down, up)
    lost = eigen.values.dropFirst(rank).reduce(0, +)
  }

  private init(rows: [Int], down: Matrix, up: Matrix, lost: Double) {
    (self.rows, self.down, self.up, self.lost) = (rows, down, up, lost)
  }

  /// Both, each with latents of its own; the rows of this one come first.
  func beside(_ other: LatentDecomposition) -> LatentDecomposition {
    LatentDecomposition(
      rows: rows + other.rows, down: down.beside(other.down), up: up.beside(other.up), lost: lost + other.lost)
  }
}
