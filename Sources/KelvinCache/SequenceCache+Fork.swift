public import KelvinAttention
import KelvinPolicies
import KelvinTensors

extension SequenceCache {
  /// A second sequence that remembers the same and goes on by itself.
  ///
  /// The two share pages until one of them writes into one: then that one takes a copy. Neither sees what the other does. The
  /// pool counts a shared page once. States are copied.
  /// - Throws: `MemoryError.poolExhausted` where a second set of states exceeds the pool's limit.
  public func fork() throws(MemoryError) -> SequenceCache {
    var fork = SequenceCache(layout: layout, formats: formats, policy: policy, pool: pagePool)
    fork.heldStates = try heldStates?.copy()
    fork.stores = stores.map { StoreBox($0.store.fork(formats: formats, pool: pagePool)) }
    // States are changed in place.
    fork.states = states.map { $0[rows: 0..<$0.rows] }
    fork.seen = seen
    fork.promptLength = promptLength
    return fork
  }

  /// Bytes of the pages that another sequence also holds.
  public var sharedBytes: Int {
    stores.reduce(0) { sum, box in box.store.heads.reduce(sum) { $0 + $1.sharedBytes } }
  }
}
