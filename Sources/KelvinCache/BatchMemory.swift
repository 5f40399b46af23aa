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
  private let members: [Member]

  /// A pass of `owners`, at least one; all belong to the same model.
  public init(_ owners: [OwnedCache]) {
    precondition(!owners.isEmpty, "a batch of no sequences")
    members = owners.map(Member.init)
    layout = owners[0].cache.layout
    var segments: [Range<Int>] = []
    for owner in owners {
      let start = segments.last?.upperBound ?? 0
      segments.append(start..<start + owner.cache.positions.count)
    }
    self.segments = segments
    positions = owners.flatMap { $0.cache.positions }
  }

  /// Every sequence adds its rows to its store and attends to that; where one cannot, the pass is taken back in all.
  public mutating func attend(
    _ queries: Tensor, adding entries: NewEntries?, layer: Int, scale: Float
  ) throws(MemoryError) -> Tensor {
    let whole = queries.rows == positions.count
    each(of: queries.processor) { member, index, processor in
      let rows = whole ? segments[index] : lastRows(of: index, queries.rows)
      do throws(MemoryError) {
        member.part = try member.owner.cache.attend(
          queries.copied(rows: rows, to: processor), adding: entries?.copied(rows: segments[index], to: processor),
          layer: layer, scale: scale)
      } catch { member.failure = error }
    }
    return try joined(on: queries.processor)
  }

  /// Where not all rows attend it is the last of every sequence, or none.
  private func lastRows(of member: Int, _ rows: Int) -> Range<Int> {
    precondition(rows == 0 || rows == members.count, "\(rows) queries for \(members.count) sequences")
    return rows == 0 ? 0..<0 : member..<member + 1
  }

  /// Every sequence folds its rows into its state; where one cannot, the pass is taken back in all.
  public mutating func retain(
    _ queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor, layer: Int
  ) throws(MemoryError) -> Tensor {
    each(of: queries.processor) { member, index, processor in
      let rows = segments[index]
      do throws(MemoryError) {
        member.part = try member.owner.cache.retain(
          queries.copied(rows: rows, to: processor), keys: keys.copied(rows: rows, to: processor),
          values: values.copied(rows: rows, to: processor), logDecays: logDecays.copied(rows: rows, to: processor),
          layer: layer)
      } catch { member.failure = error }
    }
    return try joined(on: queries.processor)
  }

  /// Runs `body` for every sequence.
  ///
  /// Sequences that read one token go side by side, each on one thread; one that reads more, or that would leave other
  /// threads idle, has all threads.
  private func each(of processor: Processor, _ body: (Member, _ index: Int, _ processor: Processor) -> Void) {
    let single = members.indices.filter { segments[$0].count == 1 }
    let sideBySide = single.prefix(single.count / processor.threads * processor.threads)
    let lanes = processor.lanes
    for index in members.indices where !sideBySide.contains(index) { body(members[index], index, processor) }
    processor.parallel(sideBySide.count) { place, worker in
      body(members[sideBySide[place]], sideBySide[place], lanes[worker])
    }
  }

  /// What came of the sequences' parts, one below the other.
  private func joined(on processor: Processor) throws(MemoryError) -> Tensor {
    if let failure = members.lazy.compactMap(\.failure).first {
      for member in members { member.owner.cache.abandonPass() }
      throw failure
    }
    let joined = processor.joined(members.compactMap(\.part))
    for member in members { member.part = nil }
    return joined
  }
}

/// A sequence of a batch and what came of its part of a pass; one thread at a time has it.
private final class Member {
  let owner: OwnedCache
  var part: Tensor?
  var failure: MemoryError?

  init(_ owner: OwnedCache) { self.owner = owner }
}

extension NewEntries {
  /// The part of one sequence.
  fileprivate func copied(rows: Range<Int>, to processor: Processor) -> NewEntries {
    NewEntries(
      keys: keys.copied(rows: rows, to: processor), values: values?.copied(rows: rows, to: processor),
      gates: gates?.copied(rows: rows, to: processor), projections: projections,
      outputProjection: outputProjection)
  }
}
