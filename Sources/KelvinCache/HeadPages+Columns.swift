import KelvinAttention
import KelvinPolicies
import KelvinTensors

/// The attention that a prefill's tiles observed, tile by tile, so that the parts can be added in order.
struct ColumnSums {
  /// `[heads · tiles, entries]`: mean over the group.
  private let attention: Tensor?
  /// `[heads · observed tiles · G, entries]`: from the newest queries, for each query head.
  private let window: Tensor?
  private let counts: CountedShares?
  private let history: HistorySums?
  private let windowMean: Bool
  private let firstObserved: Int
  private let tile, tiles, group: Int
  /// The part of each query head's attention in the mean.
  private let share: Float
  private let kernels: Kernels

  init(_ pass: AttentionPass, _ records: Records, tile: Int, entries: Int) {
    self.tile = tile
    counts = CountedShares(pass, queries: records.attentionCount, tile: tile, entries: entries)
    history = HistorySums(pass, queries: records.attentionHistory, tile: tile, entries: entries)
    group = pass.group
    share = 1 / Float(pass.group * pass.readers)
    kernels = pass.processor.kernels
    let tiles = (pass.queries.rows + tile - 1) / tile
    self.tiles = tiles
    windowMean = records.windowMean
    let observed = pass.observesWindow ? records.windowAttention : 0
    firstObserved = max(0, pass.queries.rows - observed)
    let heads = pass.layout.heads
    attention = records.attention ? pass.processor.tensor(rows: heads * tiles, columns: entries) : nil
    let observedTiles = tiles - firstObserved / tile
    window = observed > 0 ? pass.processor.tensor(rows: heads * observedTiles * group, columns: entries) : nil
  }

  /// Begins the part of one tile.
  func clear(_ head: Int, _ rows: Range<Int>, count: Int) {
    if let attention { attentionPart(attention, head, rows.lowerBound / tile).update(repeating: 0, count: count) }
    counts?.clear(head, rows, count: count)
    history?.clear(head, rows, count: count)
    guard let window, rows.upperBound > firstObserved else { return }
    for row in 0..<group { windowPart(window, head, rows.lowerBound / tile, row).update(repeating: 0, count: count) }
  }

  /// Adds the probabilities of a tile's row `row`: query `rows.lowerBound + row / G`, query head `row % G` of the group.
  func observe(
    _ probabilities: UnsafeMutablePointer<Float>, count: Int, seen: Int, _ head: Int, _ rows: Range<Int>, _ row: Int
  ) {
    let index = rows.lowerBound / tile
    counts?.observe(probabilities, count: count, seen: seen, head, rows, row)
    history?.observe(probabilities, count: count, head, rows, row)
    if let attention {
      kernels.add(probabilities, times: share, to: attentionPart(attention, head, index), count: count)
    }
    if let window, rows.lowerBound + row / group >= firstObserved {
      kernels.add(probabilities, times: 1, to: windowPart(window, head, index, row % group), count: count)
    }
  }

  /// Adds the parts of all tiles to a head's ledger; `firstQuery` is the number of the pass's first query.
  func add(_ head: Int, to ledger: inout HeadLedger, firstQuery: Int) {
    counts?.add(head, to: &ledger.attentionCount, entries: ledger.count, firstQuery: firstQuery)
    history?.add(head, to: &ledger.attentionHistory)
    if let attention {
      sum(0..<tiles, into: &ledger.attention) { attentionPart(attention, head, $0) }
    }
    guard let window else { return }
    let rows = windowMean ? group : 1
    for first in stride(from: 0, to: group, by: rows) {
      var column = ContiguousArray<Float>(repeating: 0, count: ledger.count)
      for row in first..<first + rows {
        sum(firstObserved / tile..<tiles, times: 1 / Float(rows), into: &column) { windowPart(window, head, $0, row) }
      }
      ledger.windowAttention.append(column)
    }
  }

  private func sum(
    _ tiles: Range<Int>, times share: Float = 1, into column: inout ContiguousArray<Float>,
    _ part: (Int) -> UnsafeMutablePointer<Float>
  ) {
    column.withUnsafeMutableBufferPointer { column in
      guard let base = column.baseAddress else { return }
      for tile in tiles { kernels.add(part(tile), times: share, to: base, count: column.count) }
    }
  }

  private func attentionPart(_ attention: Tensor, _ head: Int, _ index: Int) -> UnsafeMutablePointer<Float> {
    attention.pointer + (head * tiles + index) * attention.columns
  }

  private func windowPart(_ window: Tensor, _ head: Int, _ index: Int, _ row: Int) -> UnsafeMutablePointer<Float> {
    let first = firstObserved / tile
    return window.pointer + ((head * (tiles - first) + index - first) * group + row) * window.columns
  }
}
