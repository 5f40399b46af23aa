import KelvinAttention
import KelvinTensors

/// What gates said about the new entries of one head, row by row.
struct Merges {
  /// Whether the entry takes the place of the one before it.
  var isMerged: [Bool] = []
  /// The tokens that the entry stands for.
  var members: [Int32] = []
}

/// The newest entry of a head of a gated store, which the next token may be merged into (DMC, arXiv 2403.09636).
///
///     k = Σ ω_t k_t / Σ ω_t,  v = Σ ω_t v_t / Σ ω_t      over the newest `window` members, keys without position
struct OpenSegment: Sendable {
  let window: Int
  private(set) var keys: [[Float]] = []
  private(set) var values: [[Float]] = []
  private(set) var weights: [Float] = []
  /// All members so far; none before the first token.
  private(set) var members = 0

  init(window: Int) { self.window = window }

  /// A segment of `members` members, of which the newest are known.
  init(window: Int, members: Int, keys: [[Float]], values: [[Float]], weights: [Float]) {
    self.window = window
    self.members = members
    self.keys = keys
    self.values = values
    self.weights = weights
  }

  /// Takes in a token, as the first of a new segment or as one more of this one.
  /// - Returns: whether it was merged; the first token never is.
  mutating func add(key: [Float], value: [Float], weight: Float, merging: Bool) -> Bool {
    let isMerged = merging && members > 0
    if !isMerged {
      keys.removeAll(keepingCapacity: true)
      values.removeAll(keepingCapacity: true)
      weights.removeAll(keepingCapacity: true)
      members = 0
    }
    if keys.count == window {
      keys.removeFirst()
      values.removeFirst()
      weights.removeFirst()
    }
    keys.append(key)
    values.append(value)
    weights.append(weight)
    members += 1
    return isMerged
  }

  /// The key and value that stand for the segment.
  var mean: (key: [Float], value: [Float]) { (mean(of: keys), mean(of: values)) }

  private func mean(of rows: [[Float]]) -> [Float] {
    let total = weights.reduce(0, +)
    var sum = [Float](repeating: 0, count: rows.first?.count ?? 0)
    for (row, weight) in zip(rows, weights) {
      for channel in sum.indices { sum[channel] += weight * row[channel] }
    }
    return sum.map { $0 / total }
  }
}

extension Store {
  /// Merges new entries as their gates say.
  /// - Returns: for every row the key and value that stand for its segment up to it, and for every head what was merged.
  mutating func merged(_ entries: NewEntries, gates: Tensor) -> (keys: Tensor, values: Tensor, merges: [Merges]) {
    let rows = entries.keys.rows
    var keys: [Float] = []
    var values: [Float] = []
    var merges = Array(repeating: Merges(), count: layout.heads)
    for row in 0..<rows {
      let key = entries.keys.values(row: row)
      let value = entries.values?.values(row: row) ?? []
      let gate = gates.values(row: row)
      for head in 0..<layout.heads {
        let isMerged = segments[head].add(
          key: Array(key[head * layout.keyWidth..<(head + 1) * layout.keyWidth]),
          value: Array(value[head * layout.valueWidth..<(head + 1) * layout.valueWidth]),
          weight: gate[head * 2 + 1], merging: gate[head * 2] > 0)
        merges[head].isMerged.append(isMerged)
        merges[head].members.append(Int32(clamping: segments[head].members))
        let mean = segments[head].mean
        keys += mean.key
        values += mean.value
      }
    }
    let processor = entries.keys.processor
    return (
      processor.tensor(rows: rows, columns: layout.heads * layout.keyWidth, values: keys),
      processor.tensor(rows: rows, columns: layout.heads * layout.valueWidth, values: values), merges
    )
  }
}
