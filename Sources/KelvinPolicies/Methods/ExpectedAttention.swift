/// Expected attention: what queries to come will attend to, judged by how the prompt's queries were spread.
///
/// Queries of a head are nearly Gaussian before they are turned. Turned by the mean rotation `R̄` of the next `f` positions, their
/// mean `μ` and covariance `Σ` give the attention that an entry can expect, in closed form:
///
///     μ' = R̄μ,  Σ' = R̄ΣR̄ᵀ
///     z_j = μ'·k_j / √d + k_jᵀΣ'k_j / 2d           (the logarithm of E[exp(q·k/√d)] for a Gaussian q)
///     score_j = (mean over the group of softmax_j(z) + ε) · ‖v_j‖₂
///
/// The first `F` tokens are left out of `μ`, `Σ` and the softmax, and always stay.
///
/// Defaults: B = 20 %, f = 512, F = 4, ε = 0 (kvpress); the newest entry stays.
/// Departures: `μ` and `Σ` are those of the prompts, in decode as well.
/// Not for: single steps where speed counts: every review reads every key `Dk` times for each query head. `when=prefill` or
/// `every=128` are cheaper.
///
/// Source: Devoto et al. 2025, arXiv 2510.00636.
public struct ExpectedAttention: ScoringPolicy {
  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// The first tokens, left out and kept, `F`.
  public let sinks: Int
  /// The newest entries that stay.
  public let recent: Int
  /// Positions to come, `f`.
  public let future: Int
  /// What is added to a share of attention before it is weighed by the value, `ε`.
  public let epsilon: Float
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?

  /// Asks for the attention to expect, and the length of values, `‖v_j‖₂`.
  public var records: Records {
    Records(valueNorm: .length, expectedAttention: ExpectedQueries(future: future, sinks: sinks))
  }
  /// Kept entries stay where they were born.
  public var places: Places { .original }
  /// The sinks stay.
  public var protectedFirst: Int { sinks }
  /// The newest `recent` entries stay.
  public var protectedLast: Int { recent }

  /// Keeps what the next `future` queries are expected to attend to within `budget`.
  public init(
    budget: Budget, sinks: Int = 4, recent: Int = 1, future: Int = 512, epsilon: Float = 0, when: When = .both
  ) {
    self.budget = budget
    self.sinks = sinks
    self.recent = recent
    self.future = future
    self.epsilon = epsilon
    self.when = when
  }

  /// The attention to expect, weighed by the value.
  public func score(_ entry: Int, in head: HeadLedger) -> Float {
    (head.expectedAttention[entry] + epsilon) * head.valueNorm[entry]
  }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "expected", summary: "what the queries to come are expected to attend to, weighed by the size of the value",
    paper: "Devoto et al. 2025, arXiv 2510.00636",
    options: [
      .budget(default: "20%"), .sinks(default: "4"), .recent(default: "1", "newest entries that always stay"),
      PolicyOption(
        key: "future", values: "a count from 1 to 65536", default: "512",
        help: "positions to come that are averaged over"),
      PolicyOption(
        key: "epsilon", values: "a number from 0 to 1", default: "0", help: "added to every share of attention"),
      .positions(["original"]), .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    ExpectedAttention(
      budget: try options.budget(), sinks: try options.count("sinks", atLeast: 0),
      recent: try options.count("recent", atLeast: 0), future: try options.count("future", atLeast: 1, atMost: 65536),
      epsilon: Float(try options.share("epsilon")), when: try options.choice("when"))
  }
}
