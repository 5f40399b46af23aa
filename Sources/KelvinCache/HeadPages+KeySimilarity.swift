import KelvinAttention
import KelvinPolicies
import KelvinTensors

extension Store {
  /// Entries that one piece of the work reads.
  private static let span = 512

  /// For each head and entry the cosine of its key and the mean of the directions of all keys.
  ///
  /// Keys are read as they are stored; where they are spread, so is their mean, and products stay what they are. Their lengths
  /// are those that they had on arrival.
  func keySimilarities(on processor: Processor) -> [ContiguousArray<Float>] {
    let heads = self.heads
    let ledgers = ledger.heads
    let means = processor.tensor(rows: heads.count, columns: shape.keyWidth)
    let longest = heads.reduce(0) { max($0, $1.places) }
    let products = processor.tensor(rows: heads.count, columns: longest)
    if !heads.allSatisfy({ $0.directions?.count == $0.count }) {
      processor.parallel(heads.count) { head, _ in _ = heads[head].followDirections(kernels: processor.kernels) }
    }
    for head in heads.indices {
      heads[head].followDirections(kernels: processor.kernels).writeMean(to: means.pointer + head * means.columns)
    }
    let pieces = heads.indices.flatMap { head in
      let spans = heads[head].spans(of: Self.span)
      return (0..<spans.count).map { (head: head, entries: spans[$0]) }
    }
    let scratch = processor.tensor(rows: processor.threads, columns: Self.span)
    processor.parallel(pieces.count) { piece, worker in
      let (head, entries) = pieces[piece]
      let row = products.pointer + head * products.columns
      let found = scratch.pointer + worker * Self.span
      let mean = Rows(means.pointer + head * means.columns, stride: means.columns)
      heads[head].eachRun(of: entries) { run in
        processor.kernels.scores(
          run.table, run.entries, queries: mean, rows: 1, scale: 1, into: Rows(found, stride: Self.span))
      }
      ledgers[head].keyNorm.withUnsafeBufferPointer { lengths in
        guard let lengths = lengths.baseAddress else { return }
        for entry in entries {
          let product = found[entry - entries.lowerBound]
          row[entry] = lengths[entry] > 0 ? product / lengths[entry] : 0
        }
      }
    }
    return heads.indices.map { head in
      let row = products.pointer + head * products.columns
      return ContiguousArray(UnsafeBufferPointer(start: row, count: ledgers[head].count))
    }
  }
}
