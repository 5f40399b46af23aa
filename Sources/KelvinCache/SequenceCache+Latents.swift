import KelvinAttention
import KelvinPolicies
import KelvinTensors

/// The two equal forms of attention to latents (MLA, arXiv 2405.04434 §2.1 and appendix C).
package enum LatentForm: Sendable, CaseIterable {
  /// Queries become queries of latents: one head that all query heads read.
  case absorbed
  /// Latents become the keys and values of every head, for this pass only.
  case expanded
}

extension SequenceCache {
  /// Attends to latents in the cheaper form.
  mutating func attend(
    _ queries: Tensor, box: StoreBox, projections: any LatentProjections, readers: Int, scale: Float
  ) throws(MemoryError) -> Tensor {
    let width = queries.columns / projections.heads
    let store = box.open.layout
    let first = seen - queries.rows
    var pass = AttentionPass(
      processor: queries.processor, queries: turned(queries, width: width, at: first, rotary: store.rotary),
      ranked: rank(of: queries, in: box).map { turned(queries, width: width, at: $0, rotary: store.rotary) },
      sinks: sinks, scale: scale, layout: store, position: first, readers: readers, observesWindow: observes(box))
    // What all heads together give an entry is counted, and only the absorbed form has it in one place.
    let counts = box.open.policy.records.attentionCount > 0
    switch counts ? .absorbed : latentForm ?? cheaperForm(rows: queries.rows, width: width, store, projections) {
    case .absorbed:
      pass.layout.values = .prefixOfKey(width: box.open.shape.valueWidth)
      pass.queries = latentQueries(projections.absorbed(pass.queries), width: store.keyWidth)
      pass.ranked = pass.ranked.map { latentQueries(projections.absorbed($0), width: store.keyWidth) }
      return projections.values(ofMixed: mixedLatents(pass(&box.open), of: box.open))
    case .expanded:
      return try attendExpanded(&pass, box: box, projections: projections, width: width)
    }
  }

  /// Multiplications of a pair of query and entry against those of expanding the entry.
  private func cheaperForm(
    rows: Int, width: Int, _ store: StoreLayout, _ projections: any LatentProjections
  ) -> LatentForm {
    let rotated = store.keyWidth - store.valueWidth
    let expansion = store.valueWidth * (width - rotated + projections.valueWidth)
    let saving = store.keyWidth + store.valueWidth - width - projections.valueWidth
    return saving > 0 && rows * saving > expansion ? .expanded : .absorbed
  }

  private func latentQueries(_ queries: Tensor, width: Int) -> Tensor {
    formats.keys.isQuantised ? spread(queries, width: width) : queries
  }

  /// What was mixed, gathered again and without the rest of the last spread block.
  private func mixedLatents(_ mixed: Tensor, of store: borrowing Store) -> Tensor {
    guard formats.keys.isQuantised else { return mixed }
    mixed.processor.hadamard(mixed, width: EntryFormat.spreadBlock(width: store.layout.keyWidth))
    return mixed.columns(0..<store.layout.valueWidth, ofEach: store.shape.valueWidth)
  }

  /// Every latent becomes an entry of each head, in a store that lives as long as this pass.
  private func attendExpanded(
    _ pass: inout AttentionPass, box: StoreBox, projections: any LatentProjections, width: Int
  ) throws(MemoryError) -> Tensor {
    let latents = box.open.heads[0].keys(on: pass.processor)
    if formats.keys.isQuantised {
      pass.processor.hadamard(latents, width: EntryFormat.spreadBlock(width: box.open.layout.keyWidth))
    }
    let (keys, values) = projections.expanded(latents)
    pass.layout.heads = projections.heads
    pass.layout.keyWidth = width
    pass.layout.values = .stored(width: projections.valueWidth)
    let format: EntryFormat = formats.keys == .f32 ? .f32 : .f16
    var expanded = Store(
      layout: pass.layout, formats: EntryFormats(keys: format, values: format), policy: box.open.policy, pool: scratch,
      firstHead: 0)
    try expanded.fill(keys, values, like: box.open.ledger.heads[0], kernels: pass.processor.kernels)
    let output = pass(&expanded)
    box.open.ledger.heads[0].receive(expanded.ledger.heads)
    return output
  }
}

extension Store {
  /// Fills an empty store with entries whose positions and lifetimes are those of a head.
  fileprivate mutating func fill(
    _ keys: Tensor, _ values: Tensor, like other: HeadLedger, kernels: Kernels
  ) throws(MemoryError) {
    for head in heads.indices {
      try heads[head].grow(by: keys.rows)
      heads[head].write(keys, values, head: head, kernels: kernels)
      ledger.heads[head].positions = other.positions
      ledger.heads[head].gone = other.gone
      if policy.records.attention { ledger.heads[head].attention = .init(repeating: 0, count: keys.rows) }
      if policy.records.attentionHistory > 0 {
        ledger.heads[head].attentionHistory.append(keys.rows, from: 0, queries: policy.records.attentionHistory)
      }
    }
  }
}

extension HeadLedger {
  /// Adds what expanded heads received: the mean of their attention, and each one's from the newest queries.
  fileprivate mutating func receive(_ heads: [HeadLedger]) {
    for head in heads {
      for entry in head.attention.indices { attention[entry] += head.attention[entry] / Float(heads.count) }
      attentionHistory.add(head.attentionHistory, oneOf: heads.count)
      windowAttention += head.windowAttention
    }
  }
}
