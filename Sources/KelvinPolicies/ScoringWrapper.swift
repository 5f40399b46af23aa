/// A policy around a policy that is a score: what it does not say itself, its base says.
public protocol ScoringWrapper<Base>: ScoringPolicy {
  /// The policy inside.
  associatedtype Base: ScoringPolicy
  /// The policy inside.
  var base: Base { get set }
}

extension ScoringWrapper {
  /// Lets the base policy begin.
  public mutating func begin(at place: StorePlace, promptLength: Int) {
    base.begin(at: place, promptLength: promptLength)
  }

  /// Entries per head, as the base policy has them.
  public var capacity: Int? {
    get { base.capacity }
    set { base.capacity = newValue }
  }
  /// What the base policy knows of the entries that leave next.
  public var shortlists: [Shortlist]? {
    get { base.shortlists }
    set { base.shortlists = newValue }
  }
  /// The budget of the base policy.
  public var budget: Budget { base.budget }
  /// The moments of the base policy.
  public var when: When { base.when }
  /// The facts that the base policy asks for.
  public var records: Records { base.records }
  /// The places of the base policy.
  public var places: Places { base.places }
  /// The notes of the base policy.
  public var notes: [Int] { base.notes }
  /// Lets the base policy take up its notes.
  public mutating func takeUp(_ notes: [Int]) -> Bool { base.takeUp(notes) }
  /// The first positions that the base policy protects.
  public var protectedFirst: Int { base.protectedFirst }
  /// The newest entries that the base policy protects.
  public var protectedLast: Int { base.protectedLast }
  /// Lets the base policy prepare.
  public mutating func prepare(_ ledger: borrowing Ledger, at moment: Moment) { base.prepare(ledger, at: moment) }
  /// The score of the base policy.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { base.score(entry, in: head) }
}
