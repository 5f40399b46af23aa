import KelvinAttention
import KelvinPolicies
import KelvinTensors

/// The mean directions of a step's keys, which the keys meet when they meet the queries.
///
/// Reading all keys once more for it took 7 % of a step with 1600 entries
/// (`kelvin bench -p 0 -d 1600 -n 16 -r 20 --beside keydiff:budget=1608`).
struct SimilarityProbe {
  /// The group's queries of each head, then its mean direction: `[heads · (G + 1), Dk]`.
  let rows: Tensor
  /// For each head and entry the cosine.
  private let cosines: Tensor
  private let scale: Float

  /// - Returns: `nil` where the coming review reads no similarity, or where directions are not known before keys are read.
  init?(_ pass: AttentionPass, _ store: borrowing Store) {
    guard pass.observesWindow, store.policy.records.keySimilarity, pass.ranked == nil, pass.readers == 1,
      store.residual == 0, pass.layout.keyWidth == store.shape.keyWidth, let newest = store.arriving,
      store.heads.indices.allSatisfy({ head in
        store.heads[head].directions.map { $0.count + 1 == store.heads[head].count } ?? false
      })
    else { return nil }
    let (heads, group, width) = (store.heads, pass.group, store.shape.keyWidth)
    let kernels = pass.processor.kernels
    scale = pass.scale
    rows = pass.processor.tensor(rows: heads.count * (group + 1), columns: width)
    cosines = pass.processor.tensor(rows: heads.count, columns: heads.reduce(0) { max($0, $1.places) })
    let page = pass.processor.tensor(rows: 1, columns: (store.shape.bytes + 3) / 4)
    for head in heads.indices {
      heads[head].announceDirection(of: newest, head: head, page: page, kernels: kernels)
      let row = rows.pointer + head * (group + 1) * width
      row.update(from: pass.queries.pointer + head * group * width, count: group * width)
      heads[head].directions?.writeMean(to: row + group * width)
    }
  }

  /// Takes the products of the entries of a span with the mean direction, which are `scale` times as large.
  ///
  /// A key without length has no direction, and its product is 0 whatever it is divided by.
  func observe(
    _ products: UnsafePointer<Float>, of entries: Range<Int>, head: Int, lengths: ContiguousArray<Float>
  ) {
    let row = cosines.pointer + head * cosines.columns + entries.lowerBound
    let (scale, count) = (scale, entries.count)
    lengths.withUnsafeBufferPointer { lengths in
      guard let base = lengths.baseAddress else { return }
      let lengths = base + entries.lowerBound
      for entry in 0..<count {
        let length = lengths[entry]
        row[entry] = products[entry] / ((length > 0 ? length : 1) * scale)
      }
    }
  }

  /// The cosines of all entries of a head.
  func column(of head: Int, count: Int) -> ContiguousArray<Float> {
    ContiguousArray(UnsafeBufferPointer(start: cosines.pointer + head * cosines.columns, count: count))
  }
}
