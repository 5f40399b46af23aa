public import KelvinAttention
public import KelvinTensors

extension SequenceCache {
  /// Folds keys and values into the state of a retention layer, and reads it with each row's query.
  public mutating func retain(
    _ queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor, layer: Int
  ) throws(MemoryError) -> Tensor {
    do {
      try holdStates()
    } catch {
      abandonPass()
      throw error
    }
    let state = layout.states[layer]
    let processor = queries.processor
    if states.isEmpty {
      states = layout.states.map { processor.state(rows: $0.heads * $0.keyWidth, columns: $0.valueWidth) }
    }
    let first = seen - positions.count
    return processor.retain(
      turned(queries, width: state.keyWidth, at: first, rotary: state.rotary),
      keys: turned(keys, width: state.keyWidth, at: first, rotary: state.rotary), values: values,
      logDecays: logDecays, state: states[layer], heads: state.heads)
  }

  /// Counts the bytes of all states towards the pool's limit, once, when the first token is read.
  mutating func holdStates() throws(MemoryError) {
    guard heldStates == nil, layout.stateBytes > 0 else { return }
    heldStates = try HeldBytes(layout.stateBytes, of: pagePool)
  }
}
