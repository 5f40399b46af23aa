import Foundation
import KelvinAttention
import KelvinPolicies

/// Attention as the definition says it, in double precision: every key is kept as it came and turned when it is read.
struct Reference {
  struct Entry {
    var position: Int
    var key: [Double]
    var value: [Double]
    /// Attention received so far, mean over the group.
    var received = 0.0
  }

  let layout: StoreLayout
  let group: Int
  /// Entries stand at their rank in the head instead of the position they were born at.
  let isCompacted: Bool
  /// The live entries of each head, oldest first.
  private(set) var heads: [[Entry]]
  private var seen = 0

  init(layout: StoreLayout, group: Int, isCompacted: Bool = false) {
    self.layout = layout
    self.group = group
    self.isCompacted = isCompacted
    heads = Array(repeating: [], count: layout.heads)
  }

  /// One pass: adds keys `[T, H·Dk]` and values `[T, H·Dv]`, then attends with queries `[T, Hq·Dk]`.
  /// - Returns: `[T, Hq·Dv]`.
  mutating func attend(
    _ queries: [Float], _ keys: [Float], _ values: [Float], scale: Double
  ) -> [Double] {
    let (keyWidth, valueWidth) = (layout.keyWidth, layout.valueWidth)
    let rows = keys.count / (layout.heads * keyWidth)
    var output = [Double](repeating: 0, count: rows * layout.heads * group * valueWidth)
    for head in heads.indices {
      for row in 0..<rows {
        let place = row * layout.heads + head
        heads[head].append(
          Entry(
            position: seen + row, key: slice(keys, place, keyWidth), value: slice(values, place, valueWidth)))
        for member in 0..<group {
          let place = (row * layout.heads + head) * group + member
          let mixed = attend(slice(queries, place, keyWidth), head: head, scale: scale)
          output.replaceSubrange(place * valueWidth..<(place + 1) * valueWidth, with: mixed)
        }
      }
    }
    seen += rows
    return output
  }

  /// The newest entry of `head` asks, all others answer.
  private mutating func attend(_ query: [Double], head: Int, scale: Double) -> [Double] {
    let entries = heads[head]
    func place(_ index: Int) -> Int { isCompacted ? index : entries[index].position }
    let turnedQuery = turned(query, to: place(entries.count - 1))
    let scores = entries.indices.map { index in
      scale * zip(turnedQuery, turned(entries[index].key, to: place(index))).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let top = scores.max() ?? 0
    let weights = scores.map { exp($0 - top) }
    let sum = weights.reduce(0, +)
    var output = [Double](repeating: 0, count: layout.valueWidth)
    for (index, weight) in weights.enumerated() {
      heads[head][index].received += weight / sum / Double(group)
      for channel in output.indices { output[channel] += weight / sum * entries[index].value[channel] }
    }
    return output
  }

  /// Lets go of all entries of each head but those at `positions`, as a cache has done.
  mutating func keep(_ positions: [[Int32]]) {
    for head in heads.indices {
      let kept = Set(positions[head])
      heads[head].removeAll { !kept.contains(Int32($0.position)) }
    }
  }

  private func slice(_ values: [Float], _ index: Int, _ width: Int) -> [Double] {
    values[index * width..<(index + 1) * width].map(Double.init)
  }

  /// A key or query turned to a position.
  func turned(_ vector: [Double], to position: Int) -> [Double] {
    guard let rotary = layout.rotary else { return vector }
    var result = vector
    for (pair, frequency) in rotary.frequencies.enumerated() {
      let (a, b) = rotary.pairs == .adjacent ? (2 * pair, 2 * pair + 1) : (pair, pair + rotary.frequencies.count)
      let angle = Double(position) * frequency
      result[a] = vector[a] * cos(angle) - vector[b] * sin(angle)
      result[b] = vector[a] * sin(angle) + vector[b] * cos(angle)
    }
    return result
  }
}
