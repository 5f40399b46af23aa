import KelvinPolicies
import Synchronization
import TestSupport

/// A policy of the tests that asks for any columns, remembers the last ledger that it reviewed, and lets about one entry in
/// nine leave, whichever it is.
struct Witness: CachePolicy {
  private static let reviewed = Mutex<[Int: Ledger]>([:])
  private static let numbers = Atomic(0)

  let records: Records
  let places = Places.original
  /// Which witness this is; copies are the same one.
  let number = Witness.numbers.add(1, ordering: .relaxed).newValue
  private var lot = SeededNumbers(seed: 3)

  init(_ records: Records) { self.records = records }

  /// The last ledger that was reviewed, as it was then.
  var ledger: Ledger? { Self.reviewed.withLock { $0[number] } }

  mutating func begin(at place: StorePlace, promptLength: Int) {}
  mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    let seen = copy ledger
    Self.reviewed.withLock { $0[number] = seen }
    for head in 0..<ledger.heads.count {
      for entry in 0..<ledger.heads[head].count where lot.next() % 9 == 0 { edits.evict(entry, head: head) }
    }
  }
}
