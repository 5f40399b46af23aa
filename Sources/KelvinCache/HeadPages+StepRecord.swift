import KelvinAttention
import KelvinPolicies
import KelvinTensors

/// Puts the spans of a head together when a step has attended to all of them, and writes down what its entries received.
struct StepRecord {
  private let records: Records
  private let kernels: Kernels
  private let layout: StoreLayout
  private let group: Int
  /// The part of each query head's attention in the mean.
  private let share: Float
  /// The number of the query.
  private let query: Int
  private let observesWindow: Bool
  /// The unnormalised weights of all pieces: row `piece · G + g` for query head `g` of the group.
  private let scores: Tensor
  /// In the same rows what they mixed, their maximum and their sum.
  private let parts: Tensor
  private let output: Tensor
  /// What each entry of a head receives from the whole group, `[heads, entries]`; `nil`: not wanted.
  private let shares: Tensor?

  init(
    _ pass: AttentionPass, _ records: Records, scores: Tensor, parts: Tensor, output: Tensor, longest ledger: Ledger
  ) {
    self.records = records
    kernels = pass.processor.kernels
    layout = pass.layout
    group = pass.group
    share = 1 / Float(pass.group * pass.readers)
    query = pass.position
    observesWindow = pass.observesWindow
    self.scores = scores
    self.parts = parts
    self.output = output
    let longest = ledger.heads.reduce(0) { max($0, $1.count) }
    shares = records.attentionCount > 0 ? pass.processor.tensor(rows: ledger.heads.count, columns: longest) : nil
  }

  /// Puts the parts of a head together; the first of its pieces has number `first`.
  func finish(_ head: Int, _ spans: Spans, first: Int, in ledger: inout HeadLedger) {
    for row in 0..<group { join(spans, first: first, row: row, head: head) }
    if records.attention { add(spans, first: first, to: &ledger.attention, share: share) }
    if records.attentionHistory > 0 {
      ledger.attentionHistory.withSums(of: query) { add(spans, first: first, to: &$0, share: share) }
    }
    if let shares { count(spans, first: first, in: &ledger, shares.pointer + head * shares.columns) }
    guard records.windowAttention > 0, observesWindow else { return }
    for row in 0..<group {
      var column = ContiguousArray<Float>(repeating: 0, count: ledger.count)
      add(spans, first: first, rows: row..<row + 1, to: &column, share: 1)
      ledger.windowAttention.append(column)
    }
  }

  /// Puts the spans of one query head together.
  ///
  /// In each part the maximum gives way to what the span's unnormalised weights must be multiplied by to become probabilities.
  private func join(_ spans: Spans, first: Int, row: Int, head: Int) {
    let width = layout.valueWidth
    let base = parts.pointer + (first * group + row) * parts.columns
    let stride = group * parts.columns
    var maximum = layout.hasZeroSink ? 0 : -Float.infinity
    for span in 0..<spans.count { maximum = max(maximum, base[span * stride + width]) }
    var sum = layout.hasZeroSink ? exponential(-maximum) : 0
    for span in 0..<spans.count {
      let part = base + span * stride
      part[width] = exponential(part[width] - maximum)
      sum += part[width + 1] * part[width]
    }
    let out = output.pointer + (head * group + row) * width
    out.update(repeating: 0, count: width)
    for span in 0..<spans.count {
      let part = base + span * stride
      part[width] /= sum
      kernels.add(part, times: part[width], to: out, count: width)
    }
  }

  /// Adds the probabilities of the group's query heads `rows` (all of them) to a column, as a share each.
  private func add(
    _ spans: Spans, first: Int, rows: Range<Int>? = nil, to column: inout ContiguousArray<Float>, share: Float
  ) {
    column.withUnsafeMutableBufferPointer { column in
      guard let base = column.baseAddress else { return }
      add(spans, first: first, rows: rows ?? 0..<group, to: base, share: share)
    }
  }

  /// All rows are added in one pass: both threads wrote the weights, and the column comes from memory.
  private func add(
    _ spans: Spans, first: Int, rows: Range<Int>, to column: UnsafeMutablePointer<Float>, share: Float
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count) { factors in
      guard let base = factors.baseAddress else { return }
      for span in 0..<spans.count {
        let row = (first + span) * group + rows.lowerBound
        for index in 0..<rows.count {
          factors[index] = parts.pointer[(row + index) * parts.columns + layout.valueWidth] * share
        }
        let entries = spans[span]
        kernels.add(
          Rows(scores.pointer + row * scores.columns, stride: scores.columns), times: base, rows: rows.count,
          to: column + entries.lowerBound, count: entries.count)
      }
    }
  }

  /// Notes which entries received an even share of the group's attention.
  private func count(_ spans: Spans, first: Int, in ledger: inout HeadLedger, _ shares: UnsafeMutablePointer<Float>) {
    let entries = ledger.count
    guard entries > 0 else { return }
    shares.update(repeating: 0, count: entries)
    add(spans, first: first, rows: 0..<group, to: shares, share: 1)
    ledger.attentionCount.withWords(of: query) { words, bit, counts in
      kernels.countShares(shares, even: Float(group) / Float(entries), in: &words, bit: bit, counts: &counts)
    }
  }
}
