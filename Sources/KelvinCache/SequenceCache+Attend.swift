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
    if unreviewed === box { try review(kernels) }
    box.open.ledger.seen = seen
    if let entries { try add(entries, to: box, asking: queries.rows, kernels: kernels) }
    if moment != .step { box.open.recordSpread(of: queries, from: seen - queries.rows, entries?.projections) }
    let output: Tensor
    if let projections = entries?.projections {
      try review(kernels)
      output = try attend(
        queries, box: box, projections: projections, readers: readers[index].count, scale: scale)
    } else {
      output = try attend(queries, box: box, readers: readers[index].count, scale: scale)
    }
    if layer == readers[index].last {
      try box.open.expire(unseenFrom: seen - 1, kernels: kernels)
      if observes(box) {
        box.open.measureForReview(
          on: queries.processor, scale: scale, spreads: formats.keys.isQuantised, angles: &angles)
      }
      unreviewed = isReviewed ? box : nil
      // In a step the next layer does it, unless what settles first must be known to stay.
      if moment != .step || formats.residual > 0 || layer == layout.storeOfLayer.count - 1 {
        try review(kernels)
      }
      try box.open.settle(on: queries.processor)
    }
    return output
  }

  /// Reviews the store that waits for it.
  private mutating func review(_ kernels: Kernels) throws(MemoryError) {
    guard let box = unreviewed else { return }
    unreviewed = nil
    try box.open.review(at: moment, edits: &edits, kernels: kernels)
  }

  private mutating func add(
    _ entries: NewEntries, to box: StoreBox, asking queries: Int, kernels: Kernels
  ) throws(MemoryError) {
    let first = seen - positions.count
    let store = box.open.layout
    var (keys, values, merges) = (entries.keys, entries.values, [Merges]())
    if let gates = entries.gates { (keys, values, merges) = box.open.merged(entries, gates: gates) }
    let stored = formats.values.isQuantised ? values.map { spread($0, width: store.valueWidth) } : values
    // Latents are read, and merged entries leave, before anybody attends.
    let writesLater = positions.count == 1 && queries == 1 && merges.isEmpty && entries.projections == nil
    try box.open.append(
      placed(keys, at: first, in: store), stored, at: first, merges: merges, writesLater: writesLater, kernels: kernels)
    box.open.record(norms: keys, values, through: entries.outputProjection, kinds: kinds)
    // A single query sees everything that is left; where there are several, attention reads lifetimes.
    if positions.count == 1 { try box.open.expire(unseenFrom: first, kernels: kernels) }
  }

  /// Whether a review follows that reads what is measured for it.
  func observes(_ box: StoreBox) -> Bool { isReviewed && box.open.policy.reads(at: moment) }

  /// Attends; meanwhile one thread reviews the store that waits for it.
  ///
  /// A review waits for memory more than it computes: with H2O and 1600 entries 4.1 % of one thread's time, and the others had
  /// nothing to do (`perf`, `kelvin bench -p 0 -n 180 -d 8000 --kv-policy h2o --kv-budget 20%`).
  private mutating func attend(
    _ queries: Tensor, box: StoreBox, readers: Int, scale: Float
  ) throws(MemoryError) -> Tensor {
    let store = box.open.layout
    let first = seen - queries.rows
    let pass = AttentionPass(
      processor: queries.processor, queries: placed(queries, at: first, in: store),
      ranked: rank(of: queries, in: box).map { placed(queries, at: $0, in: store) }, sinks: sinks, scale: scale,
      layout: store, position: first, readers: readers, observesWindow: observes(box))
    var failure: MemoryError?
    let output = pass(&box.open) {
      do throws(MemoryError) { try review(queries.processor.kernels) } catch { failure = error }
    }
    if let failure { throw failure }
    if formats.values.isQuantised { queries.processor.hadamard(output, width: store.valueWidth) }
    return output
  }

  /// The rank at which the first query stands among the live entries, where the policy closes ranks and there is a gap.
  ///
  /// Windows and gates move entries out by themselves; their entries keep their positions.
  func rank(of queries: Tensor, in box: StoreBox) -> Int? {
    guard sinks > 0, box.open.layout.reach == .everything, box.open.layout.gating == nil else { return nil }
    let rank = box.open.countBefore + positions.count - queries.rows
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
