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
  /// Numbers of a member: its key and its value.
  private let width: Int
  /// The newest members, each `ω, ω·k, ω·v`, in a ring.
  private(set) var ring: [Float]
  /// All members so far; none before the first token.
  private(set) var members = 0

  init(window: Int, width: Int) {
    self.window = window
    self.width = width
    ring = Array(repeating: 0, count: window * (1 + width))
  }

  /// A segment of `members` members whose newest are those of `ring`.
  init(window: Int, width: Int, members: Int, ring: [Float]) {
    self.window = window
    self.width = width
    self.members = members
    self.ring = ring
  }

  /// For each head of a gated store a segment without members.
  static func none(of layout: StoreLayout) -> [OpenSegment] {
    guard let gating = layout.gating else { return [] }
    let segment = OpenSegment(window: gating.window, width: layout.keyWidth + layout.valueWidth)
    return Array(repeating: segment, count: layout.heads)
  }

  /// Takes in a token, as the first of a new segment or as one more of this one.
  /// - Returns: whether it was merged; the first token never is.
  mutating func add(_ key: ArraySlice<Float>, _ value: ArraySlice<Float>, weight: Float, merging: Bool) -> Bool {
    let isMerged = merging && members > 0
    if !isMerged { members = 0 }
    var place = members % window * (1 + width)
    ring[place] = weight
    for part in [key, value] {
      for number in part {
        place += 1
        ring[place] = weight * number
      }
    }
    members += 1
    return isMerged
  }

  /// Appends the means of `channels` of key and value to `numbers`.
  func append(meanOf channels: Range<Int>, to numbers: inout [Float]) {
    let first = numbers.count
    numbers.append(contentsOf: repeatElement(0, count: channels.count))
    var total: Float = 0
    // From the oldest on, so that the sum does not depend on where the ring begins.
    for member in max(0, members - window)..<members {
      let start = member % window * (1 + width)
      total += ring[start]
      for channel in channels { numbers[first + channel - channels.lowerBound] += ring[start + 1 + channel] }
    }
    for place in first..<numbers.count { numbers[place] /= total }
  }
}

extension Store {
  /// Merges new entries as their gates say.
  /// - Returns: for every row the key and value that stand for its segment up to it, and for every head what was merged.
  mutating func merged(_ entries: NewEntries, gates: Tensor) -> (keys: Tensor, values: Tensor, merges: [Merges]) {
    let (rows, heads) = (entries.keys.rows, layout.heads)
    let (keyWidth, valueWidth) = (layout.keyWidth, layout.valueWidth)
    let (newKeys, newValues, gates) = (entries.keys.values, entries.values?.values ?? [], gates.values)
    var keys: [Float] = []
    var values: [Float] = []
    keys.reserveCapacity(newKeys.count)
    values.reserveCapacity(newValues.count)
    var merges = Array(repeating: Merges(), count: heads)
    for place in 0..<rows * heads {
      let head = place % heads
      let isMerged = segments[head].add(
        newKeys[place * keyWidth..<(place + 1) * keyWidth], newValues[place * valueWidth..<(place + 1) * valueWidth],
        weight: gates[place * 2 + 1], merging: gates[place * 2] > 0)
      merges[head].isMerged.append(isMerged)
      merges[head].members.append(Int32(clamping: segments[head].members))
      segments[head].append(meanOf: 0..<keyWidth, to: &keys)
      segments[head].append(meanOf: keyWidth..<keyWidth + valueWidth, to: &values)
    }
    let processor = entries.keys.processor
    return (
      processor.tensor(rows: rows, columns: heads * keyWidth, values: keys),
      processor.tensor(rows: rows, columns: heads * valueWidth, values: values), merges
    )
  }
}
