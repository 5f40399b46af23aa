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
public struct Protecting<Base: ScoringPolicy>: ScoringWrapper {
  /// Who ranks what is not protected.
  public var base: Base
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
}
