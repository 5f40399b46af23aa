import KelvinAttention
import KelvinPolicies
import KelvinTensors

/// The attention that a prefill's tiles observed for an `AttentionHistory`: parts that belong to one tile and to one block of
/// queries, so that they can be added in order.
struct HistorySums {
  /// `[heads · parts, entries]`: mean over the group.
  private let sums: Tensor
  /// For each query of the pass, from the first counted one on, the part that it belongs to.
  private let parts: [Int]
  /// For each part the number of one of its queries.
  private let queries: [Int]
  private let firstCounted, group: Int
  private let share: Float
  private let kernels: Kernels

  /// - Parameter queries: how many of the newest count; nothing is made for 0.
  init?(_ pass: AttentionPass, queries: Int, tile: Int, entries: Int) {
    guard queries > 0 else { return nil }
    let rows = pass.queries.rows
    let newest = pass.position + rows - 1
    let span = AttentionHistory.span(of: queries)
    group = pass.group
    share = 1 / Float(pass.group * pass.readers)
    kernels = pass.processor.kernels
    firstCounted = max(0, AttentionHistory.firstCounted(of: queries, newest: newest) - pass.position)
    var parts: [Int] = []
    var begun: [Int] = []
    for row in firstCounted..<rows {
      let query = pass.position + row
      if begun.isEmpty || row.isMultiple(of: tile) || query.isMultiple(of: span) { begun.append(query) }
      parts.append(begun.count - 1)
    }
    self.parts = parts
    self.queries = begun
    sums = pass.processor.tensor(rows: pass.layout.heads * begun.count, columns: entries)
  }

  /// Begins the parts of one tile.
  func clear(_ head: Int, _ rows: Range<Int>, count: Int) {
    let counted = rows.clamped(to: firstCounted..<firstCounted + parts.count)
    guard let first = counted.first, let last = counted.last else { return }
    for part in parts[first - firstCounted]...parts[last - firstCounted] {
      pointer(head, part).update(repeating: 0, count: count)
    }
  }

  /// Adds the probabilities of a tile's row `row`: query `rows.lowerBound + row / G`, query head `row % G` of the group.
  func observe(_ probabilities: UnsafeMutablePointer<Float>, count: Int, _ head: Int, _ rows: Range<Int>, _ row: Int) {
    let query = rows.lowerBound + row / group
    guard query >= firstCounted else { return }
    kernels.add(probabilities, times: share, to: pointer(head, parts[query - firstCounted]), count: count)
  }

  /// Adds all parts to a head's column.
  func add(_ head: Int, to column: inout AttentionHistory) {
    for (part, query) in queries.enumerated() {
      column.withSums(of: query) { sums in
        sums.withUnsafeMutableBufferPointer { sums in
          guard let base = sums.baseAddress else { return }
          kernels.add(pointer(head, part), times: 1, to: base, count: sums.count)
        }
      }
    }
  }

  private func pointer(_ head: Int, _ part: Int) -> UnsafeMutablePointer<Float> {
    sums.pointer + (head * queries.count + part) * sums.columns
  }
}
