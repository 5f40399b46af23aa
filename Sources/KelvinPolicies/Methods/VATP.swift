/// VATP, value-aware token pruning: attention received is weighed by how large the value is that it brings in.
///
/// An entry contributes to the output by `a · v`, so attention to an entry with a small value is cheap to lose. Attention sinks
/// have almost no value, and losing them is not cheap: the first `F` tokens always stay.
///
///     I_j = A_j · ‖v_j‖₁                                                    (paper §3; A_j as in H2O)
///     keep(t) = { first F } ∪ { the last w entries } ∪ the largest I_j among the rest
///
/// Defaults: B = 20 %, w = ⌊B/2⌋, F = 20 (authors' commands). At budgets of a few dozen entries F = 4 is better.
/// Departures: per KV head, with the mean attention of its group; the norm is taken before the value is rounded.
///
/// Source: Guo et al. 2024, arXiv 2406.12335.
public struct VATP: ScoringPolicy {
  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// The first tokens that stay, `F`.
  public let sinks: Int
  /// The newest entries that stay, `w`; `nil`: half of the budget.
  public let recent: Int?
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?

  /// Asks for the attention received, `A_j`, and the size of values, `‖v_j‖₁`.
  public let records = Records(attention: true, valueNorm: true)
  /// Kept entries stay where they were born.
  public let places = Places.original
  /// The sinks stay.
  public var protectedFirst: Int { sinks }
  /// The newest `recent` entries stay, or half of the budget.
  public var protectedLast: Int { recent ?? (capacity ?? 0) / 2 }

  /// Keeps the sinks, the newest entries and the largest `I_j` within `budget`.
  public init(budget: Budget, sinks: Int = 20, recent: Int? = nil, when: When = .both) {
    self.budget = budget
    self.sinks = sinks
    self.recent = recent
    self.when = when
  }

  /// The importance `I_j = A_j · ‖v_j‖₁`.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { head.attention[entry] * head.valueNorm[entry] }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "vatp", summary: "as H2O, with attention weighed by the size of the value",
    paper: "Guo et al. 2024, arXiv 2406.12335",
    options: [
      .budget(default: "20%"), .sinks(default: "20"),
      .recent(default: "half", "newest entries that stay; half: half of the budget"), .positions(["original"]), .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    VATP(
      budget: try options.budget(), sinks: try options.count("sinks") ?? 20, recent: try options.count("recent"),
      when: try options.choice("when"))
  }
}
