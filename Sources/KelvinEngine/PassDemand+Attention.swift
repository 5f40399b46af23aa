import KelvinAttention
import KelvinCache
import KelvinModels
import KelvinTensors

/// Counts what a bench's passes demand, from the entries that its sequences hold.
///
/// That the newest entries may be in f16 is left out: reading them takes no less.
struct DemandCounter {
  let model: any LanguageModel
  let cost: ModelCost
  let formats: EntryFormats
  /// What computes, and rounds.
  let kernels: Kernels.Variant?

  /// `steps` passes of one token in each of `batch` sequences, whose heads hold `before` entries at first and `after` in the
  /// end: `[store][head]`.
  func steps(_ steps: Int, batch: Int, before: [[Int]], after: [[Int]]) -> PassDemand {
    var demand = PassDemand()
    for weights in [cost.layers, cost.wantedRows, cost.head] { demand.add(weights, rows: batch, kernels: kernels) }
    for store in model.layout.storeOfLayer {
      let held = before[store].reduce(0, +) + after[store].reduce(0, +)
      let entries = Double(held) / 2 / Double(max(1, before[store].count))
      demand += attention(to: store, read: entries * Double(batch), met: entries * Double(batch))
    }
    demand.bytes += Double(model.layout.stateBytes * batch)
    return demand.times(steps)
  }

  /// A prompt of `tokens` tokens in chunks, after `before` entries `[store][head]`, wanting one row of logits, in each of
  /// `batch` sequences.
  func prompt(_ tokens: Int, chunk: Int, batch: Int, before: [[Int]]) -> PassDemand {
    var demand = PassDemand()
    for weights in [cost.wantedRows, cost.head] { demand.add(weights, rows: 1, kernels: kernels) }
    for start in stride(from: 0, to: tokens, by: chunk) {
      let rows = min(chunk, tokens - start)
      demand.add(cost.layers, rows: rows, kernels: kernels)
      for store in model.layout.storeOfLayer {
        let held = Double(before[store].reduce(0, +)) / Double(max(1, before[store].count)) + Double(start)
        let reach = Double(model.layout.stores[store].mostEntries(of: .max))
        let met = (1...rows).reduce(0.0) { $0 + min(reach, held + Double($1)) }
        let attention = attention(to: store, read: min(reach + Double(rows), held + Double(rows)), met: met)
        let rounds = kernels?.roundsAttention == true && formats.keys != .f32 && formats.values != .f32
        demand += rounds ? attention.rounded : attention
      }
      demand.bytes += Double(model.layout.stateBytes)
    }
    return demand.times(batch)
  }

  /// Reading `read` entries of every head of a store, and products of its queries with `met` of them.
  private func attention(to store: Int, read: Double, met: Double) -> PassDemand {
    let layout = model.layout.stores[store]
    var demand = PassDemand()
    demand.bytes = read * Double(layout.heads * formats.bytesPerEntry(of: layout))
    let heads = 2 * Double(model.queryHeads) * met
    // Scores with quantised keys are products of codes.
    if formats.keys.isQuantised {
      demand.codeOperations = heads * Double(layout.keyWidth)
    } else {
      demand.numberOperations = heads * Double(layout.keyWidth)
    }
    demand.numberOperations += heads * Double(layout.valueWidth)
    return demand
  }
}

extension PassDemand {
  /// The same with bfloat16 in place of 32-bit floats.
  fileprivate var rounded: PassDemand {
    PassDemand(bytes: bytes, codeOperations: codeOperations, halfOperations: numberOperations)
  }

  fileprivate func times(_ count: Int) -> PassDemand {
    PassDemand(
      bytes: bytes * Double(count), codeOperations: codeOperations * Double(count),
      numberOperations: numberOperations * Double(count), halfOperations: halfOperations * Double(count))
  }
}
