/// What stays before any score is looked at.
public struct Protection: Sendable, Hashable {
  /// Kinds of token.
  public var kinds: Set<EntryKind> = []
  /// Everything of the prompt.
  public var prompt = false

  /// Whether nothing is protected.
  public var isEmpty: Bool { kinds.isEmpty && !prompt }

  /// Reads `special+prompt` or `none`; `nil` for anything else.
  public init?(_ text: String) {
    guard text != "none" else { return }
    for part in text.split(separator: "+", omittingEmptySubsequences: false) {
      switch part {
      case "special": kinds.insert(.special)
      case "punctuation": kinds.insert(.punctuation)
      case "newline": kinds.insert(.newline)
      case "prompt": prompt = true
      default: return nil
      }
    }
  }
}

/// Entries of some kinds, or of the prompt, stay as long as the budget holds them; the base policy ranks the rest.
///
/// A chat template's special tokens hold a conversation together, and the prompt is often what must not be lost: with it
/// protected, much of what separates selection methods disappears.
///
/// Protected entries count against the budget. If they alone exceed it, the base's own protection comes first.
public struct Protecting<Base: ScoringPolicy>: ScoringPolicy {
  private var base: Base
  private let protection: Protection
  private var promptLength = 0

  /// Protects what `protection` names, and lets `base` rank the rest.
  public init(_ base: Base, _ protection: Protection) {
    self.base = base
    self.protection = protection
  }

  /// Remembers the prompt's length, and lets the base policy begin.
  public mutating func begin(at place: StorePlace, promptLength: Int) {
    base.begin(at: place, promptLength: promptLength)
    self.promptLength = promptLength
  }

  /// Higher than any score where the entry is protected.
  public func score(_ entry: Int, in head: HeadLedger) -> Float {
    if protection.prompt, head.positions[entry] < promptLength { return .infinity }
    if !head.kinds.isEmpty, protection.kinds.contains(head.kinds[entry]) { return .infinity }
    return base.score(entry, in: head)
  }

  /// The facts that the base policy asks for, and kinds where kinds are protected.
  public var records: Records {
    var records = base.records
    records.kinds = records.kinds || !protection.kinds.isEmpty
    return records
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
}
