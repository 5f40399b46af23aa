/// CriticalKV: half of what may stay is chosen by attention, half by what attention and value do to the layer's output.
///
/// An entry moves the output by `a · W_O v`, which bounds the error that its loss can make; the value's own size, as in VATP,
/// is only half of that. The first half guards against entries whose attention is yet to come.
///
///     s_j = A_j / t                                            (H2O's sum as a share of t queries, so that ε is small beside it)
///     keep(t) = { the last w entries } ∪ the ⌊r/2⌋ largest s_j ∪ the largest (s_j + ε) · mean over the group of ‖W_O v_j‖₁
///                                                              (r: what the protected leave of B)
///
/// Defaults: B = 20 %, ε = 10⁻⁴, the first half 50 % (authors' code and kvpress); w = ⌊B/2⌋, as in H2O.
/// Departures: the host is H2O, in decode as well; the authors refine SnapKV and its kin, in prefill.
/// Not for: finding something in a long prompt that no later prompt token points to.
///
/// Source: Feng et al. 2025, arXiv 2502.03805.
public struct CriticalKV: ScoringPolicy {
  private static let epsilon: Float = 1e-4

  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// The first tokens that stay.
  public let sinks: Int
  /// The newest entries that stay, `w`; `nil`: half of the budget.
  public let recent: Int?
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?
  /// By head and entry.
  private var scores: [[Float]] = []
  private var firstHead = 0

  /// Asks for the attention received, `A_j`, and how far the value moves the output, `‖W_O v_j‖₁`.
  public var records: Records { Records(attention: true, outputNorm: true) }
  /// Kept entries stay where they were born.
  public var places: Places { .original }
  /// The sinks stay.
  public var protectedFirst: Int { sinks }
  /// The newest `recent` entries stay, or half of the budget.
  public var protectedLast: Int { recent ?? (capacity ?? 0) / 2 }

  /// Keeps the newest entries, and half and half what attention and what the output ask for, within `budget`.
  public init(budget: Budget, sinks: Int = 0, recent: Int? = nil, when: When = .both) {
    self.budget = budget
    self.sinks = sinks
    self.recent = recent
    self.when = when
  }

  /// Chooses the first half of each head, and scores the rest.
  public mutating func prepare(_ ledger: borrowing Ledger, at moment: Moment) {
    scores = []
    guard let capacity, !ledger.heads.isEmpty else { return }
    firstHead = ledger.heads[0].number
    for head in 0..<ledger.heads.count {
      scores.append(scores(in: ledger.heads[head], capacity: capacity, queries: Float(ledger.seen)))
    }
  }

  /// The share of attention, weighed by the output; beyond all others in the first half.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { scores[head.number - firstHead][entry] }

  /// How far an entry moves the output.
  static func product(_ attention: Float, _ norm: Float, queries: Float) -> Float {
    (attention / queries + epsilon) * norm
  }

  private func scores(in head: HeadLedger, capacity: Int, queries: Float) -> [Float] {
    var scores = (0..<head.count).map { Self.product(head.attention[$0], head.outputNorm[$0], queries: queries) }
    let open = head.entriesByPosition.dropLast(protectedLast).filter { head.positions[$0] >= sinks }
    let room = max(0, capacity - (head.count - open.count))
    let byAttention = open.sorted {
      let (a, b) = (head.attention[$0], head.attention[$1])
      return a != b ? a > b : head.positions[$0] < head.positions[$1]
    }
    for entry in byAttention.prefix(room / 2) { scores[entry] = .greatestFiniteMagnitude }
    return scores
  }

  /// In a step looks for the few entries that leave, without putting all of them in order.
  public mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    guard moment == .step, when.includes(moment), let leaving = leaving(ledger) else {
      return reviewScores(ledger, at: moment, edits: &edits)
    }
    for (head, entries) in leaving.enumerated() {
      for entry in entries { edits.evict(entry, head: head) }
    }
  }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "criticalkv", summary: "the newest entries, and those whose loss would move the layer's output most",
    paper: "Feng et al. 2025, arXiv 2502.03805",
    options: [
      .budget(default: "20%"), .sinks(default: "0"),
      .recent(default: "half", "newest entries that stay; half: half of the budget"), .positions(["original"]), .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    CriticalKV(
      budget: try options.budget(), sinks: try options.count("sinks", atLeast: 0), recent: try options.count("recent"),
      when: try options.choice("when"))
  }
}
