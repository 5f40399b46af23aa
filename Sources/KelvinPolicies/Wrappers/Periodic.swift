/// Reviews only every so many steps in decode, so that choosing costs less and the cache breathes between budget and
/// budget + period.
///
/// Source: kvpress calls it the compression interval.
public struct Periodic<Base: CachePolicy>: CachePolicy {
  private var base: Base
  /// Steps between two reviews.
  public let period: Int
  private var steps = 0

  /// Lets `base` review every `period` steps.
  public init(_ base: Base, every period: Int) {
    self.base = base
    self.period = period
  }

  /// The facts that the base policy asks for.
  public var records: Records { base.records }
  /// The places of the base policy.
  public var places: Places { base.places }

  /// What the base policy keeps, every `period` steps.
  public var keeps: KeptEntries? {
    var keeps = base.keeps
    keeps?.period = period
    return keeps
  }

  /// The steps since the prompt, then the notes of the base policy.
  public var notes: [Int] { [steps] + base.notes }

  /// Takes up the steps, and lets the base policy take up the rest.
  public mutating func takeUp(_ notes: [Int]) -> Bool {
    guard let first = notes.first, (0...Int(Int32.max)).contains(first) else { return false }
    steps = first
    return base.takeUp(Array(notes.dropFirst()))
  }

  /// Begins to count steps again, and lets the base policy begin.
  public mutating func begin(at place: StorePlace, promptLength: Int) {
    steps = 0
    base.begin(at: place, promptLength: promptLength)
  }

  /// Whether the step is one of a review, and the base policy will read its columns.
  public func reads(at moment: Moment) -> Bool {
    (moment != .step || (steps + 1).isMultiple(of: period)) && base.reads(at: moment)
  }

  /// Lets the base policy review in prefill, and at every `period`th step.
  public mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    if moment == .step {
      steps += 1
      guard steps.isMultiple(of: period) else { return }
    }
    base.review(ledger, at: moment, edits: &edits)
  }
}
