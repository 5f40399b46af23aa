import KelvinAttention
import KelvinPolicies
import KelvinTensors
import Synchronization

extension AttentionPass {
  /// Entries that one piece of a decode step reads: 512 keys and values of a 64-wide f16 head are 128 KB.
  private static let span = 512

  /// One query row: pieces are (head, span).
  ///
  /// Each leaves its unnormalised mix, its maximum and its sum. Who is done with the last open span of a head puts its parts
  /// together, in order, while others attend.
  ///
  /// One thread did that for all heads when the last was done, and half of the scores lay in the other's cache: it took 2.5 % of
  /// that one's time, the other waiting, with 1600 entries and H2O, and takes 1.6 % of both's
  /// (`perf`, `kelvin bench -p 0 -n 180 -d 8000 --kv-policy h2o --kv-budget 20% -ctk q8_0 -ctv q8_0`).
  ///
  /// Who attends to the span of a head's newest entry also writes it: a key lies in as many cache lines as it has channels,
  /// and waiting for all of them took 2.4 % of one thread's time, the other being idle (`perf`, depth 1600).
  func decode(_ store: inout Store, beside task: () -> Void) -> Tensor {
    let output = self.output
    let heads = store.heads
    let records = store.policy.records
    var pieces = 0
    for head in heads {
      let spans = head.spanCount(of: Self.span)
      head.openSpans.store(spans, ordering: .relaxed)
      head.firstSpan = pieces
      pieces += spans
    }
    let stride = Self.span + sinkRoom
    let partWidth = layout.valueWidth + 2
    let scores = processor.tensor(rows: pieces * group, columns: stride)
    let parts = processor.tensor(rows: pieces * group, columns: partWidth)
    let arriving = store.takeArriving()
    func finish(_ head: Int, _ ledger: inout HeadLedger) {
      self.finish(heads[head], head, scores, parts, recording: records, in: &ledger, into: output)
    }
    store.ledger.heads.withUnsafeMutableBufferPointer { ledgers in
      for head in heads.indices where heads[head].count == 0 { finish(head, &ledgers[head]) }
      processor.parallel(1 + pieces) { index, _ in
        guard index > 0 else { return task() }
        let piece = index - 1
        let (head, span) = Self.span(piece, of: heads)
        let held = heads[head]
        // Threads take turns: as many pieces on, this one goes on.
        let next = piece + processor.threads
        let ahead = next < pieces ? Self.pagesAhead(next, of: heads) : PagesAhead()
        if let arriving, span.contains(held.firstAdded) {
          held.write(arriving.keys, arriving.values, head: head, kernels: processor.kernels)
        }
        if records.attention { ledgers[head].attention.ask(for: span) }
        attend(
          span, head: head, of: held, followedBy: ahead,
          scores: Rows(scores.pointer + piece * group * stride, stride: stride),
          pointer: scores.pointer + piece * group * stride, part: parts.pointer + piece * group * partWidth)
        let left = held.openSpans.subtract(1, ordering: .acquiringAndReleasing).newValue
        if left == 0 { finish(head, &ledgers[head]) }
      }
    }
    return output
  }

  /// The head and the entries that piece `number` of a step attends to.
  private static func span(_ number: Int, of heads: [HeadEntries]) -> (head: Int, entries: Range<Int>) {
    var head = heads.count - 1
    while heads[head].firstSpan > number { head -= 1 }
    return (head, heads[head].span(number - heads[head].firstSpan, of: span))
  }

  /// Where the first pages of piece `number` lie.
  private static func pagesAhead(_ number: Int, of heads: [HeadEntries]) -> PagesAhead {
    let (head, span) = span(number, of: heads)
    return heads[head].pagesAhead(of: span)
  }

  /// Puts the parts of a head together, and writes down what its entries received.
  private func finish(
    _ held: HeadEntries, _ head: Int, _ scores: Tensor, _ parts: Tensor, recording records: Records,
    in ledger: inout HeadLedger, into output: Tensor
  ) {
    let pieces = held.firstSpan..<held.firstSpan + held.spanCount(of: Self.span)
    let counted = records.attentionCount > 0 ? held.count : 0
    var shares = ContiguousArray<Float>(repeating: 0, count: counted)
    for row in 0..<group {
      join(parts, pieces, row: row, head: head, into: output)
      let weights = SpanWeights(
        held: held, spans: pieces.count, row: pieces.lowerBound * group + row, scores: scores, parts: parts)
      record(records, weights, shares: &shares, in: &ledger)
    }
    if counted > 0 { ledger.attentionCount.note(shares, addingUpTo: Float(group), of: position) }
  }

  /// Room behind a span's scores for the scores of sinks by the ranked query.
  private var sinkRoom: Int { ranked == nil ? 0 : (sinks + 63) / 64 * 64 }

  private func attend(
    _ entries: Range<Int>, head: Int, of held: HeadEntries, followedBy next: PagesAhead, scores: Rows,
    pointer: UnsafeMutablePointer<Float>, part: UnsafeMutablePointer<Float>
  ) {
    let kernels = processor.kernels
    let stride = Self.span + sinkRoom
    let partWidth = layout.valueWidth + 2
    let width = group * layout.keyWidth
    let rows = Rows(queries.pointer + head * width, stride: layout.keyWidth)
    part.update(repeating: 0, count: group * partWidth)
    held.eachRun(of: entries, followedBy: next) { run in
      kernels.scores(run.table, run.entries, queries: rows, rows: group, scale: scale, into: scores)
      let seen = min(sinks, entries.upperBound) - entries.lowerBound
      if let ranked, seen > 0 {
        let rows = Rows(ranked.pointer + head * width, stride: layout.keyWidth)
        let sinks = run.entries.prefix(seen)
        kernels.scores(
          run.table, sinks, queries: rows, rows: group, scale: scale, into: Rows(pointer + Self.span, stride: stride))
        for row in 0..<group { (pointer + row * stride).update(from: pointer + row * stride + Self.span, count: seen) }
      }
      for row in 0..<group {
        if let limit = layout.softcap { kernels.softcap(pointer + row * stride, limit: limit, count: entries.count) }
        let (sum, maximum) = kernels.exponentials(pointer + row * stride, count: entries.count)
        part[row * partWidth + layout.valueWidth] = maximum
        part[row * partWidth + layout.valueWidth + 1] = sum
      }
      kernels.mix(run.table, run.entries, weights: scores, rows: group, into: Rows(part, stride: partWidth))
    }
  }

  /// Puts the spans of one query head together.
  ///
  /// In each part the maximum gives way to what the span's unnormalised weights must be multiplied by to become probabilities.
  private func join(_ parts: Tensor, _ pieces: Range<Int>, row: Int, head: Int, into output: Tensor) {
    let width = layout.valueWidth
    func part(_ piece: Int) -> UnsafeMutablePointer<Float> { parts.pointer + (piece * group + row) * (width + 2) }
    let maximum = pieces.reduce(layout.hasZeroSink ? 0 : -Float.infinity) { max($0, part($1)[width]) }
    var sum = layout.hasZeroSink ? exponential(-maximum) : 0
    for piece in pieces {
      part(piece)[width] = exponential(part(piece)[width] - maximum)
      sum += part(piece)[width + 1] * part(piece)[width]
    }
    let out = output.pointer + (head * group + row) * width
    out.update(repeating: 0, count: width)
    for piece in pieces {
      part(piece)[width] /= sum
      processor.kernels.add(part(piece), times: part(piece)[width], to: out, count: width)
    }
  }

  /// Adds the probabilities of one query head to the attention column, as its share of the group's mean, to the sum
  /// of its group, and notes them as the newest query's.
  private func record(
    _ records: Records, _ weights: SpanWeights, shares: inout ContiguousArray<Float>, in head: inout HeadLedger
  ) {
    func add(to column: inout ContiguousArray<Float>, share: Float) {
      column.withUnsafeMutableBufferPointer { column in
        guard let base = column.baseAddress else { return }
        for span in 0..<weights.spans {
          let entries = weights.held.span(span, of: Self.span)
          let row = weights.row + span * group
          let factor = weights.parts.pointer[row * weights.parts.columns + layout.valueWidth]
          processor.kernels.add(
            weights.scores.pointer + row * weights.scores.columns, times: factor * share, to: base + entries.lowerBound,
            count: entries.count)
        }
      }
    }
    if records.attention { add(to: &head.attention, share: 1 / Float(group * readers)) }
    if records.attentionHistory > 0 {
      head.attentionHistory.withSums(of: position) { add(to: &$0, share: 1 / Float(group * readers)) }
    }
    if records.attentionCount > 0 { add(to: &shares, share: 1) }
    if records.windowAttention > 0, observesWindow {
      var column = ContiguousArray<Float>(repeating: 0, count: head.count)
      add(to: &column, share: 1)
      head.windowAttention.append(column)
    }
  }
}

/// The weights that one query head gave to the spans of a head.
private struct SpanWeights {
  let held: HeadEntries
  let spans: Int
  /// The row of the first span.
  let row: Int
  /// The weights of all pieces, a row for each piece and query head of the group.
  let scores: Tensor
  /// In the same rows, behind the mix, what the weights must be multiplied by to become probabilities.
  let parts: Tensor
}

extension ContiguousArray<Float> {
  /// Lets the lines of `range` be on their way: when all spans have been attended to, the column is added to.
  ///
  /// Putting a head of 1600 entries together and adding to its column took 4800 cycles of the time-stamp counter, 4000 with it.
  fileprivate func ask(for range: Range<Int>) {
    withUnsafeBufferPointer { numbers in
      if let base = numbers.baseAddress { Kernels.ask(for: base + range.lowerBound, count: range.count) }
    }
  }
}
