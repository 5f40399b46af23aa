import KelvinAttention
import KelvinPolicies
package import KelvinTensors

extension HeadPages {
  /// Writes the columns of `head` of `keys` `[T, H·Dk]` and `values` `[T, H·Dv]` as entries from `first` on.
  ///
  /// `values` is `nil` where values are prefixes of keys.
  package func write(_ keys: Tensor, _ values: Tensor?, head: Int, first: Int, kernels: Kernels) {
    let keyRows = Rows(keys.pointer + head * shape.keyWidth, stride: keys.columns)
    let valueRows = values.map { Rows($0.pointer + head * shape.valueWidth, stride: $0.columns) } ?? keyRows
    _ = withTable { kernels.write($0, first: first, count: keys.rows, keys: keyRows, values: valueRows) }
  }
}

extension Tensor {
  /// For each row the norm of `width` columns from `first` on.
  func norms(_ norm: ValueNorm, columns first: Int, width: Int) -> [Float] {
    (0..<rows).map { self.norm(norm, row: $0, columns: first, width: width) }
  }

  /// The norm of `width` columns of a row from `first` on, summed in 16 parts.
  func norm(_ norm: ValueNorm, row: Int, columns first: Int, width: Int) -> Float {
    let start = pointer + row * columns + first
    var parts = SIMD16<Float>(repeating: 0)
    let whole = width - width % 16
    for column in stride(from: 0, to: whole, by: 16) {
      let numbers = UnsafeRawPointer(start + column).loadUnaligned(as: SIMD16<Float>.self)
      switch norm {
      case .sum: parts += numbers.magnitudes
      case .length: parts += numbers * numbers
      }
    }
    var sum = parts.sum()
    for column in whole..<width { sum += norm == .sum ? abs(start[column]) : start[column] * start[column] }
    return norm == .length ? sum.squareRoot() : sum
  }
}

extension SIMD16<Float> {
  /// The numbers without their signs.
  fileprivate var magnitudes: SIMD16<Float> {
    let bits = unsafeBitCast(self, to: SIMD16<UInt32>.self) & SIMD16<UInt32>(repeating: 0x7fff_ffff)
    return unsafeBitCast(bits, to: SIMD16<Float>.self)
  }
}

/// Attention of one pass over the pages of one store.
///
/// The work is cut into pieces of (head, tile of query rows, span of entries). Several query rows see one span, the whole
/// length; a single row, as in decode, sees spans of 512 entries, so that two threads share three heads evenly. The cuts
/// depend on lengths only and their parts are put together in order, so no result depends on the threads.
///
/// The probabilities of a piece lie in scratch before they are mixed with the values; adding them to the ledger's attention
/// column is one more pass over scratch, made only if the policy asked.
struct AttentionPass {
  let processor: Processor
  /// `[T, Hq·Dk]`, turned to each query's position.
  var queries: Tensor
  /// The same, turned to each query's rank among the live entries; it reads the first `sinks` entries.
  var ranked: Tensor?
  let sinks: Int
  let scale: Float
  var layout: StoreLayout
  /// The position of the first query.
  let position: Int
  /// Layers that read the store; what entries receive is the mean over their query heads.
  let readers: Int
  /// Whether a review follows, which may read the attention of the newest queries.
  let observesWindow: Bool

  var group: Int { queries.columns / layout.keyWidth / layout.heads }
  var output: Tensor { processor.tensor(rows: queries.rows, columns: group * layout.heads * layout.valueWidth) }

  /// Attends, and adds to the ledger what the policy records.
  /// - Parameter task: what one thread does besides, once.
  /// - Returns: `[T, Hq·Dv]`; row `t` sees all entries but the newest `T − 1 − t`.
  func callAsFunction(_ store: inout Store, beside task: () -> Void = {}) -> Tensor {
    // The last of several queries is computed as if the others were there: same numbers, and lifetimes are read.
    if queries.rows == 1 && store.added <= 1 { return decode(&store, beside: task) }
    task()
    return prefill(&store)
  }

  /// Query positions that one piece of a prefill handles.
  private func tile(_ records: Records) -> Int {
    let positions = max(1, processor.kernels.sharedRows / group)
    return records.attentionCount > 0 ? min(CountedShares.mostPositions, positions) : positions
  }

  private func prefill(_ store: inout Store) -> Tensor {
    let output = self.output
    let heads = store.heads
    let tile = tile(store.policy.records)
    let tiles = (queries.rows + tile - 1) / tile
    let longest = heads.reduce(0) { max($0, $1.places) }
    let scratch = TileScratch(self, rows: tile * group, entries: longest)
    let sums = ColumnSums(self, store.policy.records, tile: tile, entries: longest)
    processor.parallel(heads.count * tiles) { piece, worker in
      // The last tiles see most entries: they go first, so that no thread is left with a long one.
      let head = piece % heads.count
      let first = (tiles - 1 - piece / heads.count) * tile
      let rows = first..<min(queries.rows, first + tile)
      attend(
        rows, head: head, of: heads[head], gone: store.ledger.heads[head].gone, scratch: scratch[worker],
        sums: sums, output: output)
    }
    let firstQuery = store.ledger.seen - queries.rows
    for head in heads.indices { sums.add(head, to: &store.ledger.heads[head], firstQuery: firstQuery) }
    return output
  }

  private func attend(
    _ rows: Range<Int>, head: Int, of held: HeadEntries, gone: ContiguousArray<Int32>,
    scratch: TileScratch.Part, sums: ColumnSums, output: Tensor
  ) {
    let kernels = processor.kernels
    let count = rows.count * group
    let newer = queries.rows - 1
    let entries = 0..<(held.count - newer + rows.upperBound - 1)
    sums.clear(head, rows, count: held.count)
    scratch.output.update(repeating: 0, count: count * layout.valueWidth)
    score(held, entries, rows, head: head, scratch: scratch)
    for row in 0..<count {
      let visible = held.count - newer + rows.lowerBound + row / group
      let scores = scratch.scores + row * scratch.stride
      if let limit = layout.softcap { kernels.softcap(scores, limit: limit, count: visible) }
      let position = Int32(clamping: position + rows.lowerBound + row / group)
      var seen = visible
      for entry in 0..<min(visible, gone.count) where gone[entry] <= position {
        scores[entry] = -.infinity
        seen -= 1
      }
      let (sum, maximum) = kernels.exponentials(scores, count: visible)
      (scores + visible).update(repeating: 0, count: entries.count - visible)
      kernels.multiply(scores, by: 1 / (sum + (layout.hasZeroSink ? exponential(-maximum) : 0)), count: visible)
      sums.observe(scores, count: visible, seen: seen, head, rows, row)
    }
    held.eachRun(of: entries) { run in
      kernels.mix(
        run.table, run.entries, weights: Rows(scratch.scores + run.first, stride: scratch.stride), rows: count,
        into: Rows(scratch.output, stride: layout.valueWidth))
    }
    let width = group * layout.valueWidth
    for (index, row) in rows.enumerated() {
      (output.pointer + row * output.columns + head * width).update(from: scratch.output + index * width, count: width)
    }
  }

  /// Scores of the query rows against `entries`; the sinks are read by the ranked query where there is one.
  private func score(
    _ held: HeadEntries, _ entries: Range<Int>, _ rows: Range<Int>, head: Int, scratch: TileScratch.Part
  ) {
    let kernels = processor.kernels
    let count = rows.count * group
    let gathered = Rows(scratch.queries, stride: layout.keyWidth)
    gather(queries, rows, head: head, into: scratch.queries)
    // A run's scores may reach beyond it, to the end of its last page: the next run's overwrite them.
    held.eachRun(of: entries) { run in
      kernels.scores(
        run.table, run.entries, queries: gathered, rows: count, scale: scale,
        into: Rows(scratch.scores + run.first, stride: scratch.stride))
    }
    guard let ranked else { return }
    gather(ranked, rows, head: head, into: scratch.queries)
    held.eachRun(of: 0..<min(sinks, entries.count)) { run in
      kernels.scores(
        run.table, run.entries, queries: gathered, rows: count, scale: scale,
        into: Rows(scratch.sinkScores, stride: scratch.sinkStride))
      for row in 0..<count {
        (scratch.scores + row * scratch.stride + run.first)
          .update(from: scratch.sinkScores + row * scratch.sinkStride, count: run.entries.count)
      }
    }
  }

  /// The query rows of one KV head's group: `[rows · G, Dk]`.
  private func gather(_ tensor: Tensor, _ rows: Range<Int>, head: Int, into scratch: UnsafeMutablePointer<Float>) {
    let width = group * layout.keyWidth
    for (index, row) in rows.enumerated() {
      (scratch + index * width).update(from: tensor.pointer + row * tensor.columns + head * width, count: width)
    }
  }
}

/// Scratch of the worker threads for a tile of query rows.
private struct TileScratch {
  struct Part {
    var queries, scores, output, sinkScores: UnsafeMutablePointer<Float>
    var stride, sinkStride: Int
  }
  private let memory: Tensor
  private let rows, keyWidth, valueWidth, stride, sinkStride: Int

  init(_ pass: AttentionPass, rows: Int, entries: Int) {
    self.rows = rows
    keyWidth = pass.layout.keyWidth
    valueWidth = pass.layout.valueWidth
    stride = (entries + 63) / 64 * 64
    sinkStride = pass.ranked == nil ? 0 : (pass.sinks + 63) / 64 * 64
    let columns = rows * (keyWidth + valueWidth + stride + sinkStride)
    memory = pass.processor.tensor(rows: pass.processor.threads, columns: (columns + 15) / 16 * 16)
  }

  subscript(worker: Int) -> Part {
    let scores = memory.pointer + worker * memory.columns
    let sinkScores = scores + rows * stride
    let queries = sinkScores + rows * sinkStride
    return Part(
      queries: queries, scores: scores, output: queries + rows * keyWidth, sinkScores: sinkScores,
      stride: stride, sinkStride: sinkStride)
  }
}
