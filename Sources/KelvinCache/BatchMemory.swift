public import KelvinAttention
public import KelvinTensors

/// A cache that a batch may borrow: the sequence's owner holds on to it between passes.
public final class OwnedCache {
  /// What the sequence remembers.
  public var cache: SequenceCache

  /// Owns `cache`.
  public init(_ cache: consuming SequenceCache) { self.cache = cache }
}

/// Several sequences that read their next tokens in one pass, so that every weight is read once for all of them.
///
/// Each sequence has announced its part of the pass (`SequenceCache.expect`); the rows of the pass are the sequences' tokens,
/// one sequence after another. Sequences keep their own policies, budgets and lengths, and never see each other.
public struct BatchMemory: ~Copyable, AttentionMemory {
  /// The model's layout.
  public let layout: CacheLayout
  /// The rows of each sequence.
  public let segments: [Range<Int>]
  /// The position of each row in its sequence.
  public let positions: [Int32]
  private let members: [OwnedCache]

  /// A pass of `members`, at least one; all belong to the same model.
  public init(_ members: [OwnedCache]) {
    precondition(!members.isEmpty, "a batch of no sequences")
    self.members = members
    layout = members[0].cache.layout
    var segments: [Range<Int>] = []
    for member in members {
      let start = segments.last?.upperBound ?? 0
      segments.append(start..<start + member.cache.positions.count)
    }
    self.segments = segments
    positions = members.flatMap { $0.cache.positions }
  }

  /// Every sequence adds its rows to its store and attends to that; where one cannot, the pass is taken back in all.
  public mutating func attend(
    _ queries: Tensor, adding entries: NewEntries?, layer: Int, scale: Float
  ) throws(MemoryError) -> Tensor {
    var parts: [Tensor] = []
    for (index, member) in members.enumerated() {
      let rows = queries.rows == positions.count ? segments[index] : lastRows(of: index, queries.rows)
      do {
        parts.append(
          try member.cache.attend(
            queries[rows: rows], adding: entries?[rows: segments[index]], layer: layer, scale: scale))
      } catch {
        for member in members { member.cache.abandonPass() }
        throw error
      }
    }
    return queries.processor.joined(parts)
  }

  /// Where not all rows attend it is the last of every sequence, or none.
  private func lastRows(of member: Int, _ rows: Int) -> Range<Int> {
    precondition(rows == 0 || rows == members.count, "\(rows) queries for \(members.count) sequences")
    return rows == 0 ? 0..<0 : member..<member + 1
  }

  /// Every sequence folds its rows into its state.
  public mutating func retain(
    _ queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor, layer: Int
  ) -> Tensor {
    var parts: [Tensor] = []
    for (member, rows) in zip(members, segments) {
      parts.append(
        member.cache.retain(
          queries[rows: rows], keys: keys[rows: rows], values: values[rows: rows], logDecays: logDecays[rows: rows],
          layer: layer))
    }
    return queries.processor.joined(parts)
  }
}

extension NewEntries {
  /// The part of one sequence.
  fileprivate subscript(rows rows: Range<Int>) -> NewEntries {
    NewEntries(
      keys: keys[rows: rows], values: values?[rows: rows], gates: gates?[rows: rows], projections: projections)
  }
}
