/// Random: every entry draws a number once, and the largest stay.
///
/// The baseline that a method must beat.
///
///     score_j = the top 24 bits of mix(seed + c · γ), c = 1 + head · 2³² + position      (SplitMix64's mix and γ)
///
/// Defaults: B = 20 % of the prompt, seed 0; the newest entry stays. The same seed gives the same entries on every machine.
///
/// Source: mixing function from Steele, Lea and Flood 2014.
public struct RandomChoice: ScoringPolicy {
  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// What the draw depends on besides head and position.
  public let seed: UInt64
  /// The newest entries that stay.
  public let recent: Int
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?
  /// Scores never fall.
  public var shortlists: [Shortlist]? = []

  /// Nothing but positions is needed.
  public let records = Records()
  /// Kept entries stay where they were born.
  public let places = Places.original
  /// The first positions have no privilege.
  public let protectedFirst = 0
  /// The newest `recent` entries stay.
  public var protectedLast: Int { recent }

  /// Keeps entries drawn by `seed` within `budget`.
  public init(budget: Budget, seed: UInt64 = 0, recent: Int = 1, when: When = .both) {
    self.budget = budget
    self.seed = seed
    self.recent = recent
    self.when = when
  }

  /// The number an entry drew, the same at every review.
  public func score(_ entry: Int, in head: HeadLedger) -> Float {
    let counter = UInt64(head.number) << 32 &+ UInt64(head.positions[entry])
    var mixed = seed &+ 0x9E37_79B9_7F4A_7C15 &* (counter &+ 1)
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Float((mixed ^ (mixed >> 31)) >> 40)
  }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "random", summary: "entries drawn by lot: the baseline", paper: "a control, in every comparison",
    options: [
      .budget(default: "20%"),
      PolicyOption(key: "seed", values: "a number", default: "0", help: "another seed, another draw"),
      .recent(default: "1", "newest entries that always stay"), .positions(["original"]), .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    RandomChoice(
      budget: try options.budget(), seed: try options.seed(),
      recent: try options.count("recent") ?? 1, when: try options.choice("when"))
  }
}
