/// Scissorhands: what mattered to the newest queries will matter again.
///
/// The tokens that are attended to more than evenly stay the same over long stretches of text ("persistence of importance").
/// So it is enough to count, over a window of queries, how often an entry received its even share. Per KV head, with `a_ij`
/// the mean over the group, and `n_i` the entries that query `i` sees:
///
///     I_j = #{ i among the last h queries : a_ij ≥ 1/n_i }                     (the paper counts the other queries)
///     keep(t) = { the last w entries } ∪ the largest I_j among the rest
///
/// Defaults: h = 400, w = 10 (the paper's experiments, VATP's commands); B = 20 % of the prompt.
/// Departures: one entry leaves per step, where the paper drops half of the buffer when it is full (`every=` comes near);
/// the same budget in every layer, where the paper gives deeper layers more. Counts tie often: the older entry stays.
/// Not for: finding something in a long prompt that the newest queries do not point to.
///
/// Source: Liu et al. 2023, arXiv 2305.17118.
public struct Scissorhands: ScoringPolicy {
  static let usualHistory = 400
  static let usualRecent = 10
  /// The longest window of queries: 64 words of bits per entry.
  private static let longestHistory = 4096

  /// What every head may keep, `B`.
  public let budget: Budget
  /// In which part of a sequence's life entries leave.
  public let when: When
  /// The newest entries that stay, `w`.
  public let recent: Int
  /// The newest queries that count, `h`.
  public let history: Int
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?

  /// Asks how many of the newest queries gave an entry its even share, `I_j`.
  public var records: Records { Records(attentionCount: history) }
  /// Kept entries stay where they were born.
  public var places: Places { .original }
  /// The first positions have no privilege.
  public var protectedFirst: Int { 0 }
  /// The newest `recent` entries stay.
  public var protectedLast: Int { recent }

  /// Keeps the newest entries and those that mattered most often to the last `history` queries within `budget`.
  public init(budget: Budget, recent: Int = 10, history: Int = 400, when: When = .both) {
    self.budget = budget
    self.recent = recent
    self.history = history
    self.when = when
  }

  /// How often the entry mattered, `I_j`.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { head.attentionCount.counts[entry] }

  /// The column as it is.
  public func scores(of head: HeadLedger) -> ContiguousArray<Float>? { head.attentionCount.counts }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "scissorhands", summary: "the newest entries, and those that most of the last 400 queries attended to",
    paper: "Liu et al. 2023, arXiv 2305.17118",
    options: [
      .budget(default: "20%"), .recent(default: "\(usualRecent)", "newest entries that always stay"),
      PolicyOption(
        key: "history", values: "a count from 1 to \(longestHistory)", default: "\(usualHistory)",
        help: "newest queries that count"),
      .positions(["original"]), .when,
    ],
    acts: "prefill and decode"
  ) { options throws(PolicyError) in
    Scissorhands(
      budget: try options.budget(), recent: try options.count("recent", atLeast: 0),
      history: try options.count("history", atLeast: 1, atMost: longestHistory), when: try options.choice("when"))
  }
}
