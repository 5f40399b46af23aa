import KelvinAttention
import KelvinPolicies
import KelvinTensors

/// An entry has a lifetime: query `i` sees entry `j` where `position[j] ≤ i < gone[j]`.
///
/// Only windows and gates end lifetimes. An entry whose lifetime is over leaves the store; within one pass, where some of the
/// queries still see it, attention gives it no weight for the others.
extension Store {
  /// Writes down the lifetimes of `count` entries that were just appended from `position` on.
  mutating func appendLifetimes(_ merges: Merges?, at position: Int, count: Int, head: Int) {
    if case .window(let window) = layout.reach {
      ledger.heads[head].gone += (position..<position + count).map { Int32(clamping: $0 + window) }
      return
    }
    guard let merges else { return }
    ledger.heads[head].gone += (0..<count).map { row in
      row + 1 < count && merges.isMerged[row + 1] ? Int32(position + row + 1) : .max
    }
    ledger.heads[head].mergeWeight += merges.members
    // The first new entry may take the place of the newest old one, unless a policy let that one leave.
    guard merges.isMerged.first == true else { return }
    if let replaced = ledger.heads[head].positions.lastIndex(of: Int32(position - 1)) {
      ledger.heads[head].gone[replaced] = Int32(position)
    }
  }

  /// Lets the entries of every head leave that no query from `position` on sees.
  mutating func expire(unseenFrom position: Int, kernels: Kernels) throws(MemoryError) {
    guard layout.endsLifetimes else { return }
    for head in heads.indices { try expire(unseenFrom: position, head: head, kernels: kernels) }
  }

  /// Lets the entries leave that no query from `position` on sees.
  mutating func expire(unseenFrom position: Int, head: Int, kernels: Kernels) throws(MemoryError) {
    let gone = ledger.heads[head].gone
    let over = gone.indices.filter { gone[$0] <= position }
    guard !over.isEmpty else { return }
    if layout.gating != nil { inherit(over, head: head) }
    // Where several leave, the keys that stay are added up again when somebody asks.
    if over.count > 1 { heads[head].directions = nil }
    for entry in over.reversed() {
      heads[head].removeDirection(of: entry, kernels: kernels)
      try remove(entry, head: head)
    }
  }

  /// What merged entries received goes to the entries that took their places, oldest first.
  private mutating func inherit(_ merged: [Int], head: Int) {
    let positions = ledger.heads[head].positions
    for entry in merged.sorted(by: { positions[$0] < positions[$1] }) {
      let next = ledger.heads[head].gone[entry]
      // An heir of the same pass lies right behind, another one among the newest.
      let isBehind = entry + 1 < positions.count && positions[entry + 1] == next
      guard let heir = isBehind ? entry + 1 : positions.lastIndex(of: next) else { continue }
      ledger.heads[head].pass(on: entry, to: heir)
    }
  }
}

extension StoreLayout {
  /// Whether entries leave by themselves: those that a window moves past, and those that are merged.
  var endsLifetimes: Bool { reach != .everything || gating != nil }
}

extension HeadLedger {
  /// Adds what `entry` received to what `heir` did.
  fileprivate mutating func pass(on entry: Int, to heir: Int) {
    if !attention.isEmpty { attention[heir] += attention[entry] }
    if !attentionCount.isEmpty { attentionCount.unite(entry, with: heir) }
    if !attentionHistory.isEmpty { attentionHistory.unite(entry, with: heir) }
    for row in windowAttention.indices { windowAttention[row][heir] += windowAttention[row][entry] }
  }
}
