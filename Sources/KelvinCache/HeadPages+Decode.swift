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
  /// Neighbouring spans are attended to by the same thread as far as possible: what belongs to a head then seldom travels from one
  /// processor's cache to the other's. Where a line takes 170 ns for that, a step with 1600 entries was made 228 to 232 times a second
  /// when threads took turns, and is 243 to 259 times; where it takes 40 ns, as often as before
  /// (`kelvin bench -p 0 -d 1600 -n 32 -r 12`).
  ///
  /// One thread put all heads together when the last was done, and half of the scores lay in the other's cache: it took 2.5 % of
  /// that one's time, the other waiting, with 1600 entries and H2O, and took 1.6 % of both's when heads were put together one by one
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
      let spans = head.spans(of: Self.span).count
      head.openSpans.store(spans, ordering: .relaxed)
      head.firstSpan = pieces
      pieces += spans
    }
    let probe = SimilarityProbe(self, store)
    let rows = group + (probe == nil ? 0 : 1)
    let scores = processor.tensor(rows: pieces * rows, columns: Self.span + sinkRoom)
    let parts = processor.tensor(rows: pieces * group, columns: layout.valueWidth + 2)
    let arriving = store.takeArriving()
    let record = StepRecord(self, records, scores: scores, rows: rows, parts: parts, output: output)
    store.ledger.heads.withUnsafeMutableBufferPointer { ledgers in
      for head in heads.indices where heads[head].count == 0 {
        record.finish(head, heads[head].spans(of: Self.span), first: 0, in: &ledgers[head])
      }
      Self.withPieces(of: heads, count: pieces) { list in
        processor.parallelInRuns(1 + pieces) { index, worker in
          guard index > 0 else { return task() }
          let piece = list[index - 1]
          let ahead = processor.nextPiece(of: worker).map { list[$0 - 1].pagesAhead } ?? PagesAhead()
          piece.held._withUnsafeGuaranteedRef { held in
            if piece.entries.contains(held.firstAdded), let arriving {
              held.write(arriving.keys, arriving.values, head: piece.head, kernels: processor.kernels)
            }
            if records.attention { ledgers[piece.head].attention.ask(for: piece.entries) }
            if records.attentionCount > 0 {
              ledgers[piece.head].attentionCount.words(of: position).ask(for: piece.entries)
              ledgers[piece.head].attentionCount.counts.ask(for: piece.entries)
            }
            let pointer = scores.pointer + (index - 1) * rows * scores.columns
            attend(
              piece.entries, head: piece.head, of: held, followedBy: ahead, probe: probe, pointer: pointer,
              part: parts.pointer + (index - 1) * group * parts.columns)
            probe?.observe(
              pointer + group * scores.columns, of: piece.entries, head: piece.head,
              lengths: ledgers[piece.head].keyNorm)
            let left = held.openSpans.subtract(1, ordering: .acquiringAndReleasing).newValue
            guard left == 0 else { return }
            record.finish(piece.head, held.spans(of: Self.span), first: held.firstSpan, in: &ledgers[piece.head])
            if let probe { ledgers[piece.head].keySimilarity = probe.column(of: piece.head, count: held.count) }
          }
        }
      }
    }
    return output
  }

  /// Calls `body` with the spans of all heads, one head after the other.
  private static func withPieces(
    of heads: [HeadEntries], count: Int, _ body: (UnsafeMutableBufferPointer<StepPiece>) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: StepPiece.self, capacity: count) { list in
      var number = 0
      for head in heads.indices {
        let spans = heads[head].spans(of: span)
        for index in 0..<spans.count {
          list.initializeElement(
            at: number, to: StepPiece(head: head, entries: spans[index], held: .passUnretained(heads[head])))
          number += 1
        }
      }
      withExtendedLifetime(heads) { body(list) }
    }
  }

  /// Room behind a span's scores for the scores of sinks by the ranked query.
  private var sinkRoom: Int { ranked == nil ? 0 : (sinks + 63) / 64 * 64 }

  private func attend(
    _ entries: Range<Int>, head: Int, of held: HeadEntries, followedBy next: PagesAhead, probe: SimilarityProbe?,
    pointer: UnsafeMutablePointer<Float>, part: UnsafeMutablePointer<Float>
  ) {
    let kernels = processor.kernels
    let stride = Self.span + sinkRoom
    let scores = Rows(pointer, stride: stride)
    let partWidth = layout.valueWidth + 2
    let width = group * layout.keyWidth
    let asked =
      probe.map { (rows: group + 1, base: $0.rows.pointer + head * (group + 1) * layout.keyWidth) }
      ?? (rows: group, base: queries.pointer + head * width)
    part.update(repeating: 0, count: group * partWidth)
    held.eachRun(of: entries, followedBy: next) { run in
      kernels.scores(
        run.table, run.entries, queries: Rows(asked.base, stride: layout.keyWidth), rows: asked.rows, scale: scale,
        into: scores)
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
}

/// One piece of a step.
///
/// It does not count references: two threads that attend to spans of one head would wait for each other's line at every count.
private struct StepPiece {
  let head: Int
  let entries: Range<Int>
  let held: Unmanaged<HeadEntries>

  /// Where its first pages lie.
  var pagesAhead: PagesAhead { held._withUnsafeGuaranteedRef { $0.pagesAhead(of: entries) } }
}

extension ContiguousArray where Element: BitwiseCopyable {
  /// Lets the lines of `range` be on their way: when all spans have been attended to, the column is added to.
  ///
  /// Putting a head of 1600 entries together and adding to its column took 4800 cycles of the time-stamp counter, 4000 with it.
  fileprivate func ask(for range: Range<Int>) {
    withUnsafeBytes { bytes in
      let stride = MemoryLayout<Element>.stride
      Kernels.ask(for: UnsafeRawBufferPointer(rebasing: bytes[range.lowerBound * stride..<range.upperBound * stride]))
    }
  }
}
