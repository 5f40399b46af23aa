import KelvinAttention
import KelvinPolicies
import KelvinTensors

extension Store {
  /// Adds a prompt's queries `[T, Hq·Dk]`, not turned, to the statistics, where the policy asks for them.
  /// - Parameters:
  ///   - position: that of the first row.
  ///   - projections: where keys are latents; queries become queries of latents.
  mutating func recordSpread(of queries: Tensor, from position: Int, _ projections: (any LatentProjections)?) {
    guard let expected = policy.records.expectedAttention else { return }
    let skipped = min(queries.rows, max(0, expected.sinks - position))
    queryStatistics.add(projections?.absorbed(queries) ?? queries, from: skipped, width: layout.keyWidth)
  }

  /// Measures the columns that only the coming review reads.
  mutating func measureForReview(on processor: Processor, scale: Float, spreads: Bool, angles: inout RotaryAngles) {
    let records = policy.records
    if records.keySimilarity, !ledger.heads.allSatisfy({ $0.keySimilarity.count == $0.count }) {
      for (head, column) in keySimilarities(on: processor).enumerated() { ledger.heads[head].keySimilarity = column }
    }
    if let expected = records.expectedAttention {
      let positions = ledger.seen..<ledger.seen + expected.future
      let (cosines, sines) = layout.rotary.map { angles[$0, positions] } ?? ([], [])
      let rotation = MeanRotation(layout.rotary, width: layout.keyWidth, cosines: cosines, sines: sines)
      queryStatistics.factorise(width: layout.keyWidth, on: processor)
      let expectation = Expectation(queryStatistics, of: layout, scale: scale, sinks: expected.sinks, on: processor)
      let probes = expectation.probes(queryStatistics, rotation: rotation, width: shape.keyWidth, spreads: spreads)
      let shares = expectation.shares(heads, ledger, probes: probes)
      for head in heads.indices {
        ledger.heads[head].expectedAttention = expectation.groupMean(shares, head, count: ledger.heads[head].count)
      }
    }
  }
}

extension QueryStatistics {
  /// Adds the rows from `first` on of `queries` `[T, Hq·Dk]`.
  fileprivate mutating func add(_ queries: Tensor, from first: Int, width: Int) {
    let heads = queries.columns / width
    expect(queries.rows - first, heads: heads, width: width)
    sums.withUnsafeMutableBufferPointer { sums in
      products.withUnsafeMutableBufferPointer { products in
        guard let sum = sums.baseAddress, let product = products.baseAddress else { return }
        queries.processor.parallel(heads) { head, _ in
          for row in first..<queries.rows {
            Self.add(
              queries.pointer + row * queries.columns + head * width, width: width, to: sum + head * width,
              products: product + head * width * (width + 1) / 2)
          }
        }
      }
    }
  }

  private static func add(
    _ query: UnsafeMutablePointer<Float>, width: Int, to sum: UnsafeMutablePointer<Double>,
    products: UnsafeMutablePointer<Double>
  ) {
    var line = products
    for row in 0..<width {
      let number = Double(query[row])
      sum[row] += number
      for column in 0...row { line[column] += number * Double(query[column]) }
      line += row + 1
    }
  }
}

/// What attention the entries of a store can expect.
private struct Expectation {
  /// Entries that are multiplied by all probes at a time; scratch for 128 probes is 256 KB.
  private static let probedEntries = 512

  let processor: Processor
  let scale: Float
  let sinks: Int
  let width: Int
  /// Query heads, and how many share a KV head.
  let queryHeads, group: Int

  init(_ statistics: QueryStatistics, of layout: StoreLayout, scale: Float, sinks: Int, on processor: Processor) {
    self.processor = processor
    self.scale = scale
    self.sinks = sinks
    width = layout.keyWidth
    queryHeads = statistics.sums.count / layout.keyWidth
    group = queryHeads / layout.heads
  }

  /// The probes of all query heads, `[Hq · (Dk + 1), stored width]`, spread as the keys are.
  func probes(_ statistics: QueryStatistics, rotation: MeanRotation, width stored: Int, spreads: Bool) -> Tensor {
    let probes = processor.tensor(rows: queryHeads * (width + 1), columns: stored)
    processor.parallel(queryHeads) { head, _ in
      let rows = statistics.probes(head: head, width: width, rotation: rotation)
      for (index, row) in rows.enumerated() {
        let start = probes.pointer + (head * (width + 1) + index) * stored
        start.update(repeating: 0, count: stored)
        for column in row.indices { start[column] = Float(row[column]) }
      }
    }
    if spreads { processor.hadamard(probes, width: stored) }
    return probes
  }

  /// For each query head the softmax, over all entries but the sinks, of the attention to expect: `[Hq, n]`.
  func shares(_ heads: [HeadEntries], _ ledger: Ledger, probes: Tensor) -> Tensor {
    let longest = heads.reduce(0) { max($0, $1.places) }
    let shares = processor.tensor(rows: queryHeads, columns: longest)
    let scratch = processor.tensor(rows: processor.threads, columns: (width + 1) * Self.probedEntries)
    processor.parallel(queryHeads) { queryHead, worker in
      let head = queryHead / group
      let count = heads[head].count
      let row = shares.pointer + queryHead * shares.columns
      let first = probes.pointer + queryHead * (width + 1) * probes.columns
      let spans = heads[head].spans(of: Self.probedEntries)
      for span in 0..<spans.count {
        heads[head].eachRun(of: spans[span]) { run in
          probe(
            run, with: Rows(first, stride: probes.columns), scratch: scratch.pointer + worker * scratch.columns,
            into: row + run.first)
        }
      }
      for entry in 0..<count where ledger.heads[head].positions[entry] < sinks { row[entry] = -.infinity }
      let sum = processor.kernels.exponentials(row, count: count).sum
      if sum > 0 { processor.kernels.multiply(row, by: 1 / sum, count: count) }
    }
    return shares
  }

  /// `scale · μ·k + scale²/2 · Σ_c (C_c·k)²` for each entry.
  private func probe(
    _ run: Run, with probes: Rows, scratch: UnsafeMutablePointer<Float>, into row: UnsafeMutablePointer<Float>
  ) {
    let stride = Self.probedEntries
    processor.kernels.scores(
      run.table, run.entries, queries: probes, rows: width + 1, scale: scale, into: Rows(scratch, stride: stride))
    row.update(from: scratch, count: run.entries.count)
    for column in 1...width {
      let products = scratch + column * stride
      for entry in 0..<run.entries.count { row[entry] += products[entry] * products[entry] / 2 }
    }
  }

  /// The mean over the query heads of KV head `head`, for its `count` entries.
  func groupMean(_ shares: Tensor, _ head: Int, count: Int) -> ContiguousArray<Float> {
    var column = ContiguousArray<Float>(repeating: 0, count: count)
    column.withUnsafeMutableBufferPointer { column in
      guard let base = column.baseAddress else { return }
      for row in head * group..<(head + 1) * group {
        processor.kernels.add(shares.pointer + row * shares.columns, times: 1 / Float(group), to: base, count: count)
      }
    }
    return column
  }
}
