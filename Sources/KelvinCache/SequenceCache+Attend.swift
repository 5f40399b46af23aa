public import KelvinAttention
import KelvinPolicies
public import KelvinTensors

/// Arrive, attend, review, apply, settle: what happens in a store when a layer attends.
extension SequenceCache {
  /// Adds the entries of one layer, attends, and lets the policy review the store when its last layer has read it.
  ///
  /// Where pages run out, the whole pass is taken back: see `abandonPass`.
  public mutating func attend(
    _ queries: Tensor, adding entries: NewEntries?, layer: Int, scale: Float
  ) throws(MemoryError) -> Tensor {
    do {
      try holdStates()
      return try arrive(queries, adding: entries, layer: layer, scale: scale)
    } catch {
      abandonPass()
      throw error
    }
  }

  private mutating func arrive(
    _ queries: Tensor, adding entries: NewEntries?, layer: Int, scale: Float
  ) throws(MemoryError) -> Tensor {
    let index = layout.storeOfLayer[layer]
    let box = stores[index]
    let kernels = queries.processor.kernels
    box.store.ledger.seen = seen
    if let entries { try add(entries, to: box, kernels: kernels) }
    if moment != .step { box.store.recordSpread(of: queries, from: seen - queries.rows, entries?.projections) }
    let output: Tensor
    if let projections = entries?.projections {
      output = try attend(
        queries, box: box, projections: projections, readers: readers[index].count, scale: scale)
    } else {
      output = attend(queries, box: box, readers: readers[index].count, scale: scale)
    }
    if layer == readers[index].last {
      try box.store.expire(unseenFrom: seen - 1)
      if observes(box) {
        box.store.measureForReview(
          on: queries.processor, scale: scale, spreads: formats.keys.isQuantised, angles: &angles)
      }
      if isReviewed { try box.store.review(at: moment, edits: &edits) }
      try box.store.settle(on: queries.processor)
    }
    return output
  }

  private mutating func add(_ entries: NewEntries, to box: StoreBox, kernels: Kernels) throws(MemoryError) {
    let first = seen - positions.count
    let store = box.store.layout
    var (keys, values, merges) = (entries.keys, entries.values, [Merges]())
    if let gates = entries.gates { (keys, values, merges) = box.store.merged(entries, gates: gates) }
    let stored = formats.values.isQuantised ? values.map { spread($0, width: store.valueWidth) } : values
    try box.store.append(placed(keys, at: first, in: store), stored, at: first, merges: merges, kernels: kernels)
    box.store.record(norms: keys, values, through: entries.outputProjection, kinds: kinds)
    // A single query sees everything that is left; where there are several, attention reads lifetimes.
    if positions.count == 1 { try box.store.expire(unseenFrom: first) }
  }

  /// Whether a review follows that reads what is measured for it.
  func observes(_ box: StoreBox) -> Bool { isReviewed && box.store.policy.reads(at: moment) }

  private mutating func attend(_ queries: Tensor, box: StoreBox, readers: Int, scale: Float) -> Tensor {
    let store = box.store.layout
    let first = seen - queries.rows
    let pass = AttentionPass(
      processor: queries.processor, queries: placed(queries, at: first, in: store),
      ranked: rank(of: queries, in: box).map { placed(queries, at: $0, in: store) }, sinks: sinks, scale: scale,
      layout: store, position: first, readers: readers, observesWindow: observes(box))
    let output = pass(&box.store)
    if formats.values.isQuantised { queries.processor.hadamard(output, width: store.valueWidth) }
    return output
  }

  /// The rank at which the first query stands among the live entries, where the policy closes ranks and there is a gap.
  ///
  /// Windows and gates move entries out by themselves; their entries keep their positions.
  func rank(of queries: Tensor, in box: StoreBox) -> Int? {
    guard sinks > 0, box.store.layout.reach == .everything, box.store.layout.gating == nil else { return nil }
    let rank = box.store.countBefore + positions.count - queries.rows
    return rank < seen - queries.rows ? rank : nil
  }

  /// The first entries that ranked queries read.
  var sinks: Int {
    if case .compacted(let count) = policy.places { count } else { 0 }
  }

  /// Keys or queries as they meet in the store: every head turned to consecutive positions from `position` on, without
  /// its gate, and spread where keys are quantised.
  private mutating func placed(_ tensor: Tensor, at position: Int, in store: StoreLayout) -> Tensor {
    let turned = turned(tensor, width: store.keyWidth, at: position, rotary: store.rotary)
    if let gating = store.gating { tensor.processor.clear(channel: gating.channel, of: turned, width: store.keyWidth) }
    return formats.keys.isQuantised ? spread(turned, width: store.keyWidth) : turned
  }

  /// A copy of `tensor` whose heads are spread over their neighbours.
  ///
  /// A number far from the others would make the steps of its block coarse; after spreading there is none.
  func spread(_ tensor: Tensor, width: Int) -> Tensor {
    tensor.processor.spread(tensor, width: width)
  }

  /// A copy of `tensor` with every head turned to consecutive positions from `position` on.
  mutating func turned(_ tensor: Tensor, width: Int, at position: Int, rotary: Rotary?) -> Tensor {
    guard let rotary else { return tensor[rows: 0..<tensor.rows] }
    let (cosines, sines) = angles[rotary, position..<position + tensor.rows]
    return tensor.processor.rotated(
      tensor, heads: tensor.columns / width, width: width, first: rotary.isTrailing ? width - rotary.width : 0,
      cosines: cosines, sines: sines, adjacent: rotary.pairs == .adjacent)
  }
}
