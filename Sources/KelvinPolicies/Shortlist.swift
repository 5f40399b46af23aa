/// The entries of one head that leave next, where no score ever falls.
///
/// In a steady step one entry leaves, and only one more may leave in the next step: the one that grows out of the newest.
/// All others were looked at before. So a look at all of them notes the lowest few and a bound that the rest have reached;
/// as long as one of the few is below the bound, it is the lowest of all.
///
/// It holds nothing that the ledger does not say, so it is not saved; where the ledger is not the one that was expected
/// next, everything is looked at again. Looking at everything in every step took 6 to 9 % of a step with 1600 entries
/// (`perf`, `kelvin bench -p 0 -n 180 -d 2000 --kv-policy h2o --kv-budget 1600`): most of it waiting for positions.
public struct Shortlist: Sendable {
  private struct Candidate {
    var entry: Int
    var position: Int32
    /// What it scored when it was last looked at; it scores no less now.
    var score: Float
    /// The newest position at that time.
    var seenAt: Int

    /// Lower scores leave first; of equal ones, newer positions.
    func leaves(before other: Candidate) -> Bool {
      score != other.score ? score < other.score : position > other.position
    }
  }

  /// How many entries a look at all of them notes.
  private static let length = 24

  private var candidates: [Candidate] = []
  /// No entry that may leave scores less, but for the candidates.
  private var bound = Float.infinity
  /// Where the protected newest entries lie: the one of position `p` at `p % count`.
  private var protected: [Int32] = []
  /// The newest position when an entry was last chosen; −1: nothing is known.
  private var newest = -1
  /// The entry that was chosen then, and the last of the head.
  private var (chosen, last) = (0, 0)

  /// Nothing is known yet.
  public init() {}

  /// The entry that leaves a head in a step: the lowest, of equal ones the newest, of those that are neither at the first
  /// `protectedFirst` positions nor among the `protectedLast` newest.
  ///
  /// The entry is expected to leave, and the last of the head or the next one to take its place.
  /// - Returns: `nil` where the newest entries are not the newest positions without a gap, so that which are protected is not
  ///   known without sorting, and where no score is finite.
  mutating func next(
    in head: HeadLedger, newest: Int, protectedFirst: Int, protectedLast: Int, score: (Int) -> Float
  ) -> Int? {
    let isNext = newest == self.newest + 1 && protected.count == protectedLast
    let place = isNext ? follow(head, newest: newest) : nil
    self.newest = -1
    var chosen = place.flatMap { known(in: head, newest: newest, at: $0, first: protectedFirst, score: score) }
    if chosen == nil {
      chosen = lookAtAll(in: head, newest: newest, first: protectedFirst, last: protectedLast, score: score)
    }
    guard let chosen, candidates[chosen].score < .infinity else { return nil }
    let entry = candidates.remove(at: chosen).entry
    (self.chosen, last, self.newest) = (entry, head.count - 1, newest)
    return entry
  }

  /// Notes who took the place of the entry that was chosen before: the newest, or what was last.
  /// - Returns: the place of the newest; `nil`: it was somebody else.
  private mutating func follow(_ head: HeadLedger, newest: Int) -> Int? {
    guard head.count == last + 1 else { return nil }
    let position = Int(head.positions[chosen])
    guard position != newest else { return chosen }
    if position > self.newest - protected.count {
      protected[position % protected.count] = Int32(clamping: chosen)
    }
    for index in candidates.indices where candidates[index].entry == last { candidates[index].entry = chosen }
    return Int(head.positions[last]) == newest ? last : nil
  }

  /// The candidate that is known to be the lowest of all.
  ///
  /// The one that scored least is looked at again until it is one that was: the others score no less than they did. Looking at
  /// all of them waits for two lines of memory each.
  private mutating func known(
    in head: HeadLedger, newest: Int, at place: Int, first: Int, score: (Int) -> Float
  ) -> Int? {
    let position = newest - protected.count
    var entry = place
    if !protected.isEmpty {
      entry = Int(protected[newest % protected.count])
      protected[newest % protected.count] = Int32(clamping: place)
    }
    if position >= first {
      candidates.append(Candidate(entry: entry, position: Int32(clamping: position), score: -.infinity, seenAt: -1))
    }
    while let lowest = lowestCandidate {
      let candidate = candidates[lowest]
      guard candidate.seenAt != newest else {
        guard candidate.score < bound else { return nil }
        if let added = candidates.last, added.score >= bound, added.position == position { candidates.removeLast() }
        return lowest
      }
      guard candidate.entry < head.count, head.positions[candidate.entry] == candidate.position else { return nil }
      candidates[lowest].score = score(candidate.entry)
      candidates[lowest].seenAt = newest
    }
    return nil
  }

  /// The candidate that scored least when it was last looked at.
  private var lowestCandidate: Int? {
    var lowest: Int?
    for index in candidates.indices
    where lowest.map({ candidates[index].leaves(before: candidates[$0]) }) ?? true { lowest = index }
    return lowest
  }

  /// Looks at every entry.
  /// - Returns: the lowest of the new candidates.
  private mutating func lookAtAll(
    in head: HeadLedger, newest: Int, first: Int, last: Int, score: (Int) -> Float
  ) -> Int? {
    candidates.removeAll(keepingCapacity: true)
    if protected.count != last { protected = Array(repeating: 0, count: last) }
    var newer = 0
    // Where the ring begins, so that no entry needs a division.
    let oldest = newest - last + 1
    let start = last > 0 ? (oldest % last + last) % last : 0
    for entry in 0..<head.count {
      let position = Int(head.positions[entry])
      if position >= oldest {
        newer += 1
        let place = start + position - oldest
        protected[place < last ? place : place - last] = Int32(truncatingIfNeeded: entry)
      } else if position >= first {
        note(Candidate(entry: entry, position: Int32(clamping: position), score: score(entry), seenAt: newest))
      }
    }
    guard newer == last else { return nil }
    bound = candidates.count > Self.length ? candidates.removeLast().score : .infinity
    return candidates.isEmpty ? nil : 0
  }

  /// Puts a candidate where it belongs, if it is among the first that leave.
  private mutating func note(_ candidate: Candidate) {
    if candidates.count > Self.length {
      guard let last = candidates.last, candidate.leaves(before: last) else { return }
      candidates.removeLast()
    }
    let place = candidates.firstIndex { candidate.leaves(before: $0) } ?? candidates.count
    candidates.insert(candidate, at: place)
  }
}
