import KelvinAttention
import KelvinPolicies
import KelvinTensors

/// The entries of one layer, or of several layers that share, with their ledger and the policy that looks after them.
struct Store: ~Copyable {
  let layout: StoreLayout
  /// The pages of entries that do not stay in f16.
  let shape: PageShape
  /// The newest entries of each head that do; 0: none.
  let residual: Int
  var heads: [HeadEntries] = []
  var ledger: Ledger
  var policy: any CachePolicy
  /// How the prompts' queries were spread, where the policy asks.
  var queryStatistics = QueryStatistics()
  var evicted = 0
  /// Entries of the first head before the latest ones were appended.
  private(set) var countBefore = 0
  /// The latest entries of each head: those of the pass that is read.
  private(set) var added = 0
  /// The newest entry of every head where a step writes it while it attends; `nil`: all are written.
  private(set) var arriving: NewestEntry?
  /// For each head of a gated store: the segment that new entries may be merged into.
  var segments: [OpenSegment]

  /// - Parameter firstHead: the number of this store's first head among the heads of all stores.
  init(
    layout: StoreLayout, formats: EntryFormats, policy: any CachePolicy, pool: PagePool, firstHead: Int
  ) {
    let shape = formats.pageShape(of: layout)
    self.layout = layout
    self.shape = shape
    residual = formats.residual
    self.policy = policy
    heads = (0..<layout.heads).map { _ in HeadEntries(shape: shape, residual: formats.residual, pool: pool) }
    ledger = Ledger(heads: (0..<layout.heads).map { HeadLedger(number: firstHead + $0) }, seen: 0)
    segments = OpenSegment.none(of: layout)
  }

  /// Takes in rotated keys and values as new entries of every head, at consecutive positions from `position` on.
  ///
  /// Entries that have left a window leave before. What new entries were merged with stays for now: the new entries must lie
  /// behind all others, in their order, while several queries attend.
  /// - Parameters:
  ///   - values: `nil` where values are prefixes of keys.
  ///   - merges: for each head of a gated store, which of the new entries take the place of the one before.
  ///   - writesLater: whether a step follows at once, which writes them (`takeArriving`).
  mutating func append(
    _ keys: Tensor, _ values: Tensor?, at position: Int, merges: [Merges], writesLater: Bool, kernels: Kernels
  ) throws(MemoryError) {
    added = keys.rows
    if added > 1 || !merges.isEmpty { closeVacancies() }
    if merges.isEmpty { try expire(unseenFrom: position, kernels: kernels) }
    countBefore = heads.first.map { $0.count - ($0.vacancy == nil ? 0 : 1) } ?? 0
    try makeRoom(for: added)
    let records = policy.records
    arriving = writesLater ? NewestEntry(keys: keys, values: values) : nil
    for head in heads.indices {
      if !writesLater { heads[head].write(keys, values, head: head, kernels: kernels) }
      if let place = heads[head].vacancy {
        ledger.heads[head].replace(place, by: Int32(position))
      } else {
        ledger.heads[head].append(Int32(position)..<Int32(position + added), recording: records)
      }
      appendLifetimes(merges.isEmpty ? nil : merges[head], at: position, count: added, head: head)
    }
  }

  /// The newest entry, which whoever asks writes.
  mutating func takeArriving() -> NewestEntry? {
    defer { arriving = nil }
    return arriving
  }

  /// Writes down what is known of new entries on arrival, where the policy asked.
  ///
  /// Keys come unturned: turning keeps a norm but not its last bit, and the same token twice must tie.
  mutating func record(norms keys: Tensor, _ values: Tensor?, through output: Weight?, kinds: [EntryKind]) {
    let records = policy.records
    for head in heads.indices {
      let place = heads[head].vacancy
      if records.keyNorm {
        for row in 0..<keys.rows {
          let norm = keys.norm(.length, row: row, columns: head * shape.keyWidth, width: shape.keyWidth)
          ledger.heads[head].keyNorm.add(norm, at: place)
        }
      }
      if let norm = records.valueNorm {
        // A value that is a prefix of its key lies at the start of the key.
        let stride = values == nil ? layout.keyWidth : layout.valueWidth
        for row in 0..<keys.rows {
          let norm = (values ?? keys).norm(norm, row: row, columns: head * stride, width: layout.valueWidth)
          ledger.heads[head].valueNorm.add(norm, at: place)
        }
      }
      if records.kinds {
        for row in 0..<keys.rows {
          ledger.heads[head].kinds.add(row < kinds.count ? kinds[row] : .ordinary, at: place)
        }
      }
    }
    if records.outputNorm {
      let stored = values ?? keys.columns(0..<layout.valueWidth, ofEach: layout.keyWidth)
      let columns = stored.outputNorms(through: output, heads: heads.count)
      for head in heads.indices {
        for norm in columns[head] { ledger.heads[head].outputNorm.add(norm, at: heads[head].vacancy) }
      }
    }
    for head in heads { head.vacancy = nil }
  }

  /// Lets the policy decide, and does what it said: entries leave, and emptied pages return to the pool.
  /// - Parameter edits: room for what it says.
  mutating func review(at moment: Moment, edits: inout Edits, kernels: Kernels) throws(MemoryError) {
    edits.removeAll()
    policy.review(ledger, at: moment, edits: &edits)
    edits.sort()
    for head in ledger.heads.indices { ledger.heads[head].endReview() }
    for head in heads.indices where !edits.evictions[head].isEmpty {
      let isAlone = moment == .step && edits.evictions[head].count == 1
      if moment != .step { heads[head].directions = nil }
      for entry in edits.evictions[head] {
        heads[head].removeDirection(of: entry, kernels: kernels)
        if isAlone { try leave(entry, head: head) } else { try remove(entry, head: head) }
        evicted += 1
      }
    }
  }

  /// Bytes of the pages taken.
  var bytes: Int { heads.reduce(0) { $0 + $1.bytes } }
}

/// What a step writes: the key and value of its token for every head, `[1, H·Dk]` and `[1, H·Dv]`.
struct NewestEntry {
  let keys: Tensor
  let values: Tensor?
}
