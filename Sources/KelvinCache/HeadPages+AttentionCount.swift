import KelvinAttention
import KelvinPolicies
import KelvinTensors

/// Which queries of a prefill's tiles gave an entry at least an even share, tile by tile.
struct CountedShares {
  /// Query positions that a tile may have: as many bits are a whole number that a float holds exactly.
  static let mostPositions = 24

  /// `[heads · counted tiles, entries]`: bit `i` for the tile's query `i`.
  private let bits: Tensor
  /// `[heads · counted tiles, entries]`: what the query at hand gives, sum over the group.
  private let shares: Tensor
  private let firstCounted, rows: Int
  private let tile, tiles, group: Int
  private let kernels: Kernels

  /// - Parameter queries: how many of the newest count; nothing is made for 0.
  init?(_ pass: AttentionPass, queries: Int, tile: Int, entries: Int) {
    guard queries > 0 else { return nil }
    self.tile = tile
    rows = pass.queries.rows
    group = pass.group
    kernels = pass.processor.kernels
    firstCounted = max(0, rows - queries)
    tiles = (rows + tile - 1) / tile - firstCounted / tile
    bits = pass.processor.tensor(rows: pass.layout.heads * tiles, columns: entries)
    shares = pass.processor.tensor(rows: pass.layout.heads * tiles, columns: entries)
  }

  /// Begins the part of one tile.
  func clear(_ head: Int, _ rows: Range<Int>, count: Int) {
    guard rows.upperBound > firstCounted else { return }
    part(of: bits, head, rows.lowerBound / tile).update(repeating: 0, count: count)
  }

  /// Looks at the probabilities of a tile's row `row`: query `rows.lowerBound + row / G`, query head `row % G` of the group;
  /// it sees `seen` of the `count` entries.
  func observe(
    _ probabilities: UnsafeMutablePointer<Float>, count: Int, seen: Int, _ head: Int, _ rows: Range<Int>, _ row: Int
  ) {
    guard rows.upperBound > firstCounted else { return }
    let shares = part(of: shares, head, rows.lowerBound / tile)
    if row % group == 0 { shares.update(repeating: 0, count: count) }
    kernels.add(probabilities, times: 1, to: shares, count: count)
    guard row % group == group - 1 else { return }
    let bits = part(of: bits, head, rows.lowerBound / tile)
    let even = Float(group) / Float(seen)
    let bit = Float(1 << (row / group))
    for entry in 0..<count where shares[entry] >= even { bits[entry] += bit }
  }

  /// Notes the bits of all tiles; `firstQuery` is the number of the pass's first query.
  func add(_ head: Int, to column: inout AttentionCount, entries: Int, firstQuery: Int) {
    for index in firstCounted / tile..<firstCounted / tile + tiles {
      let bits = part(of: bits, head, index)
      let count = min(tile, rows - index * tile)
      for entry in 0..<entries {
        column.note(UInt32(bits[entry]), of: count, from: firstQuery + index * tile, entry: entry)
      }
    }
  }

  private func part(of tensor: Tensor, _ head: Int, _ index: Int) -> UnsafeMutablePointer<Float> {
    tensor.pointer + (head * tiles + index - firstCounted / tile) * tensor.columns
  }
}
