/// Reviews only every so many steps in decode, so that choosing costs less and the cache breathes between budget and
/// budget + period.
///
/// Source: kvpress calls it the compression interval.
public struct Periodic<Base: CachePolicy>: CachePolicy {
  private var base: Base
  /// Steps between two reviews.
  public let period: Int
  private var steps = 0

  public init(_ base: Base, every period: Int) {
    self.base = base
    self.period = period
  }

  public var records: Records { base.records }
  public var places: Places { base.places }

  public mutating func begin(at place: StorePlace, promptLength: Int) {
    steps = 0
    base.begin(at: place, promptLength: promptLength)
  }

  public mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    if moment == .step {
      steps += 1
      guard steps.isMultiple(of: period) else { return }
    }
    base.review(ledger, at: moment, edits: &edits)
  }
}
