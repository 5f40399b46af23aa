import KelvinAttention
import KelvinPolicies

/// Which columns the ledger of a store has in a file, in this order, each number in four bytes.
struct LedgerColumns {
  let records: Records
  let layout: StoreLayout
  /// Tokens read; every position is below.
  let seen: Int

  private var hasLifetimes: Bool { layout.endsLifetimes }
  private var hasWeights: Bool { layout.reach == .everything && layout.gating != nil }

  private var countWords: Int { AttentionCount.wordsPerEntry(records.attentionCount) }

  private var blocks: Int { AttentionHistory.blocks(of: records.attentionHistory) }

  /// Bytes of the columns of `count` entries.
  func length(count: Int) -> Int {
    let columns = [
      true, hasLifetimes, hasWeights, records.attention, records.keyNorm, records.valueNorm != nil, records.outputNorm,
    ]
    return count * (4 * (columns.count { $0 } + blocks) + 8 * countWords + (records.kinds ? 1 : 0))
  }

  /// The columns of a head.
  func bytes(of head: HeadLedger) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(length(count: head.count))
    for column in [head.positions, head.gone, head.mergeWeight] {
      for number in column { bytes += UInt32(bitPattern: number).littleEndianBytes }
    }
    for column in [head.attention, head.keyNorm, head.valueNorm, head.outputNorm] {
      for number in column { bytes += number.bitPattern.littleEndianBytes }
    }
    for word in head.attentionCount.entryWords { bytes += word.littleEndianBytes }
    for number in head.attentionHistory.sums.joined() { bytes += number.bitPattern.littleEndianBytes }
    return bytes + head.kinds.map(\.rawValue)
  }

  /// Fills the columns of `count` entries from as many bytes as `length` says.
  func fill(_ head: inout HeadLedger, count: Int, from bytes: [UInt8]) throws(CacheError) {
    var rest = bytes[...]
    func words() -> [UInt32] {
      let column = rest.prefix(4 * count)
      rest = rest.dropFirst(4 * count)
      return stride(from: column.startIndex, to: column.endIndex, by: 4).map { place in
        UInt32(littleEndian: column[place..<place + 4])
      }
    }
    func integers() -> ContiguousArray<Int32> { ContiguousArray(words().map { Int32(bitPattern: $0) }) }
    func numbers(_ name: String) throws(CacheError) -> ContiguousArray<Float> {
      let column = ContiguousArray(words().map { Float(bitPattern: $0) })
      if let odd = column.first(where: { !$0.isFinite }) { throw impossible(name, "\(odd)", "a finite number") }
      return column
    }
    head.positions = integers()
    try check(positions: head.positions)
    if hasLifetimes { head.gone = integers() }
    if hasWeights { head.mergeWeight = integers() }
    try check(lifetimesOf: head)
    if records.attention { head.attention = try numbers("attention") }
    if records.keyNorm { head.keyNorm = try numbers("a key's norm") }
    if records.valueNorm != nil { head.valueNorm = try numbers("a value's norm") }
    if records.outputNorm { head.outputNorm = try numbers("a value's norm in the output") }
    if records.attentionCount > 0 {
      let bytes = rest.prefix(8 * countWords * count)
      rest = rest.dropFirst(bytes.count)
      head.attentionCount = AttentionCount(
        queries: records.attentionCount,
        entryWords: ContiguousArray(
          stride(from: bytes.startIndex, to: bytes.endIndex, by: 8).map { UInt64(littleEndian: bytes[$0..<$0 + 8]) }))
    }
    if blocks > 0 {
      var sums: [ContiguousArray<Float>] = []
      for _ in 0..<blocks { sums.append(try numbers("attention of the newest queries")) }
      head.attentionHistory = AttentionHistory(queries: records.attentionHistory, sums: sums)
    }
    guard records.kinds else { return }
    for byte in rest {
      guard let kind = EntryKind(rawValue: byte) else { throw impossible("a kind of token", "\(byte)", "0 to 3") }
      head.kinds.append(kind)
    }
  }

  private func check(positions: ContiguousArray<Int32>) throws(CacheError) {
    if let outside = positions.first(where: { $0 < 0 || $0 >= seen }) {
      throw impossible("a position", "\(outside)", "0 to \(seen - 1)")
    }
    guard Set(positions).count == positions.count else { throw impossible("a position", "there twice", "there once") }
  }

  private func check(lifetimesOf head: HeadLedger) throws(CacheError) {
    for (position, gone) in zip(head.positions, head.gone) {
      guard case .window(let window) = layout.reach else {
        guard gone > position else { throw impossible("the end of a lifetime", "\(gone)", "more than \(position)") }
        continue
      }
      guard gone == Int32(clamping: Int(position) + window) else {
        throw impossible("the end of a lifetime", "\(gone)", "\(Int(position) + window)")
      }
    }
    if let odd = head.mergeWeight.first(where: { $0 < 1 }) { throw impossible("a weight", "\(odd)", "at least 1") }
  }

  private func impossible(_ fact: String, _ found: String, _ expected: String) -> CacheError {
    .impossible(section: Section.ledger.title, fact: fact, found: found, expected: expected)
  }
}
