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
  /// The unnormalised weights of all pieces: row `piece · rows + g` for query head `g` of the group.
  private let scores: Tensor
  /// How many rows of scores a piece has: the group's, and what else it asked.
  private let rows: Int
  /// In row `piece · G + g` what they mixed, their maximum and their sum.
  private let parts: Tensor
  private let output: Tensor

  init(_ pass: AttentionPass, _ records: Records, scores: Tensor, rows: Int, parts: Tensor, output: Tensor) {
    self.records = records
    kernels = pass.processor.kernels
    layout = pass.layout
    group = pass.group
    share = 1 / Float(pass.group * pass.readers)
    query = pass.position
    observesWindow = pass.observesWindow
    self.scores = scores
    self.rows = rows
    self.parts = parts
    self.output = output
  }

  /// Puts the parts of a head together; the first of its pieces has number `first`.
  func finish(_ head: Int, _ spans: Spans, first: Int, in ledger: inout HeadLedger) {
    for row in 0..<group { join(spans, first: first, row: row, head: head) }
    if records.attention { add(spans, first: first, to: &ledger.attention, share: share) }
    if records.attentionHistory > 0 {
      ledger.attentionHistory.withSums(of: query) { add(spans, first: first, to: &$0, share: share) }
    }
    if records.attentionCount > 0 { count(spans, first: first, in: &ledger) }
    guard records.windowAttention > 0, observesWindow else { return }
    let rows = records.windowMean ? group : 1
    for row in stride(from: 0, to: group, by: rows) {
      var column = ContiguousArray<Float>(repeating: 0, count: ledger.count)
      add(spans, first: first, rows: row..<row + rows, to: &column, share: 1 / Float(rows))
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

  /// All rows are added in one pass: both threads may have written the weights, and the column comes from memory.
  private func add(
    _ spans: Spans, first: Int, rows: Range<Int>, to column: UnsafeMutablePointer<Float>, share: Float
  ) {
    for span in 0..<spans.count {
      let entries = spans[span]
      withWeights(of: first + span, rows: rows, share: share) { weights, factors in
        kernels.add(
          weights, times: factors, rows: rows.count, to: column + entries.lowerBound, count: entries.count)
      }
    }
  }

  /// Notes which entries received an even share of the group's attention.
  private func count(_ spans: Spans, first: Int, in ledger: inout HeadLedger) {
    let even = Float(group) / Float(ledger.count)
    ledger.attentionCount.withWords(of: query) { words, bit, counts in
      words.withUnsafeMutableBufferPointer { words in
        counts.withUnsafeMutableBufferPointer { counts in
          for span in 0..<spans.count {
            let entries = spans[span]
            withWeights(of: first + span, rows: 0..<group, share: 1) { weights, factors in
              kernels.count(
                weights, times: factors, rows: group, even: even, bit: bit, in: .init(rebasing: words[entries]),
                counts: .init(rebasing: counts[entries]))
            }
          }
        }
      }
    }
  }

  /// Calls `body` with the unnormalised weights of some rows of a piece, and what makes each row a share of probabilities.
  private func withWeights(
    of piece: Int, rows: Range<Int>, share: Float, _ body: (Rows, UnsafePointer<Float>) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count) { factors in
      guard let base = factors.baseAddress else { return }
      for (index, row) in rows.enumerated() {
        let factor = parts.pointer[(piece * group + row) * parts.columns + layout.valueWidth] * share
        factors.initializeElement(at: index, to: factor)
      }
      let row = piece * self.rows + rows.lowerBound
      body(Rows(scores.pointer + row * scores.columns, stride: scores.columns), base)
    }
  }
}
