/// Key norm: keys with a small L2 norm stay, because they tend to receive much attention.
///
/// No attention is looked at: the norm is known when the entry arrives, and turning a key does not change it.
///
///     score_j = −‖k_j‖₂                                                     (paper §2)
///
/// Defaults: B = 20 % of the prompt, rounded up; layers 0 and 1 keep everything (paper §3); the newest entry stays, so that a
/// step's own token is not lost at once (`recent=0`: the authors' form).
/// Not for: eviction while decoding at small budgets, where it hurts far more than H2O; `when=prefill` is kinder.
///
/// Source: Devoto et al. 2024, arXiv 2406.11430.
public struct KeyNorm: ScoringPolicy {
  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// Stores (layers) that keep everything.
  public let skip: Set<Int>
  /// The newest entries that stay.
  public let recent: Int
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?
  /// Scores never fall.
  public var shortlists: [Shortlist]? = []

  /// Asks for `‖k_j‖₂`.
  public let records = Records(keyNorm: true)
  /// Kept entries stay where they were born.
  public let places = Places.original
  /// The first positions have no privilege.
  public let protectedFirst = 0
  /// The newest `recent` entries stay.
  public var protectedLast: Int { recent }

  /// Keeps the keys of smallest norm within `budget`, and everything in the layers of `skip`.
  public init(budget: Budget, skip: Set<Int> = [0, 1], recent: Int = 1, when: When = .both) {
    self.budget = budget
    self.skip = skip
    self.recent = recent
    self.when = when
  }

  /// Fixes the capacity, rounded up; a skipped layer has none.
  public mutating func begin(at place: StorePlace, promptLength: Int) {
    capacity =
      skip.contains(place.store)
      ? nil : budget.entries(at: place, promptLength: promptLength, rounding: .up)
  }

  /// Minus the norm of the key, so that small keys stay.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { -head.keyNorm[entry] }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "l2", summary: "the entries whose keys have the smallest norm", paper: "Devoto et al. 2024, arXiv 2406.11430",
    options: [
      .budget(default: "20%"),
      PolicyOption(
        key: "skip", values: "layers joined by +, or none", default: "0+1", help: "layers that keep everything"),
      .recent(default: "1", "newest entries that always stay"), .positions(["original"]), .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    let (budget, skip) = (try options.budget(), try options.numbers("skip"))
    if case .bytes = budget, !skip.isEmpty {
      throw options.impossible(
        "budget", expected: "entries or a share of the prompt, as skipped layers keep everything; or skip=none")
    }
    return KeyNorm(
      budget: budget, skip: skip, recent: try options.count("recent") ?? 1, when: try options.choice("when"))
  }
}
