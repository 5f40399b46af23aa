import KelvinAttention
import KelvinPolicies

extension SequenceCache {
  /// Goes back to the first `count` tokens, as if nothing had been read after them.
  ///
  /// That is exact, so it is refused where it cannot be: where one of the first `count` entries of a head has left, where the
  /// policy adds up the attention that entries receive, where tokens are folded into one another, and where entries have been
  /// quantised that were in f16 when they were the newest. Back to nothing is always possible. Say `beginPrompt` before the
  /// next pass if a prompt follows.
  /// - Throws: `CacheError` that says what is in the way; the cache stays as it was.
  public mutating func rollback(to count: Int) throws(CacheError) {
    guard (0...seen).contains(count) else { throw .notRead(count: count, seen: seen) }
    guard count < seen else { return }
    guard count > 0 else { return clear() }
    guard !layout.foldsTokens else { throw .tokensFolded(count: count) }
    guard stores.allSatisfy({ !$0.store.hasSettled }) else { throw .settled(count: count, residual: formats.residual) }
    for (index, box) in stores.enumerated() {
      for (head, ledger) in box.store.ledger.heads.enumerated() {
        // Where no entry has left, entry `j` is that of position `j`: the first hole is at the first that differs.
        let intact = ledger.positions.indices.prefix(count).prefix { Int(ledger.positions[$0]) == $0 }.count
        guard intact == count else { throw .entryLeft(position: intact, store: index, head: head, count: count) }
      }
      guard !box.store.policy.records.addsUp else { throw .attentionAddedUp(count: count) }
    }
    for box in stores { box.store.shorten(to: count) }
    seen = count
    promptLength = min(promptLength, count)
    positions = []
  }

  /// Forgets everything; all pages return to the pool.
  package mutating func clear() {
    unreviewed = nil
    for box in stores { box.store.clear() }
    states = []
    heldStates = nil
    seen = 0
    promptLength = 0
    positions = []
  }

  /// Takes back what a pass has added before it failed, so that the cache is that of the tokens before it.
  ///
  /// Entries that reviews of the pass have let go stay away, those that settled stay quantised, and entries of the layers
  /// that were done keep the attention that they received: where the same tokens are read again, it counts twice. Where
  /// tokens are folded into one another, or windows have moved on, the tokens before the pass cannot be told from those
  /// of the pass: the cache forgets everything.
  mutating func abandonPass() {
    guard !positions.isEmpty else { return }
    guard !layout.foldsTokens, layout.stores.allSatisfy({ $0.reach == .everything }) else { return clear() }
    let first = seen - positions.count
    unreviewed = nil
    for box in stores { box.store.removeEntries(from: first) }
    seen = first
    promptLength = min(promptLength, first)
    positions = []
  }
}

extension CacheLayout {
  /// Whether something that a model remembers stands for several tokens together: merged entries, states.
  var foldsTokens: Bool { !states.isEmpty || stores.contains { $0.gating != nil } }
}
