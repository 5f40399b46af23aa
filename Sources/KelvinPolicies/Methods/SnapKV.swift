/// SnapKV: the end of the prompt votes on the rest of it, once.
///
/// What the last `w` queries of a prompt attend to is what the answer will attend to. Votes are pooled over neighbours, so that
/// a found passage stays whole. Entries that come after the prompt all stay.
///
///     vote_j = Σ over the last w queries of a_ij,  j < P − w                 (paper §4, Algorithm 1)
///     keep   = the B − w largest pool_k(vote) ∪ the last w entries
///
/// Pooling: stride 1, ⌊k/2⌋ zeros on each side (counted in the average), per query head, then the mean over the group.
/// Defaults: B = 20 % of the prompt, w = 32, k = 5, average (authors' `init_snapkv`; their LongBench runs use k = 7, max).
/// Departures: one choice per KV head, where the authors choose per query head and store every KV head G times.
/// Edges: P ≤ w + 1: nothing leaves. B ≤ w: the last B entries stay.
/// Not for: a question that comes after the prompt was compressed.
///
/// Source: Li et al. 2024, arXiv 2404.14469.
public struct SnapKV: ScoringPolicy {
  /// How neighbouring votes are put together.
  public enum Pool: String, Sendable, Hashable, CaseIterable {
    case avg, max
  }

  /// What every head may keep, `B`.
  public let budget: Budget
  /// Queries that vote, `w`.
  public let window: Int
  /// Width of the pooling, `k`; odd.
  public let kernel: Int
  /// How neighbouring votes are put together.
  public let pool: Pool
  /// Entries per head, set when a prompt begins.
  public var capacity: Int?
  /// Pooled votes by head and entry.
  private var votes: [[Float]] = []
  private var firstHead = 0

  /// Asks for the attention of the window's queries, which is read in prefill only.
  public var records: Records { Records(windowAttention: window) }
  /// Kept entries stay where they were born.
  public let places = Places.original
  /// Entries leave in prefill only; what is generated stays.
  public let when = When.prefill
  /// The first positions have no privilege.
  public let protectedFirst = 0
  /// The window that votes stays.
  public var protectedLast: Int { window }

  /// Keeps what the last `window` queries of a prompt vote for, within `budget`.
  public init(budget: Budget, window: Int = 32, kernel: Int = 5, pool: Pool = .avg) {
    self.budget = budget
    self.window = window
    self.kernel = kernel
    self.pool = pool
  }

  /// Fixes the capacity; a prompt not longer than its window keeps everything.
  public mutating func begin(at place: StorePlace, promptLength: Int) {
    capacity = promptLength <= window + 1 ? nil : budget.entries(at: place, promptLength: promptLength)
  }

  /// Counts and pools the votes of every head.
  public mutating func prepare(_ ledger: borrowing Ledger, at moment: Moment) {
    votes = []
    guard capacity != nil, ledger.heads.count > 0 else { return }
    firstHead = ledger.heads[0].number
    for head in 0..<ledger.heads.count { votes.append(votes(in: ledger.heads[head])) }
  }

  /// The pooled vote, mean over the group.
  public func score(_ entry: Int, in head: HeadLedger) -> Float { votes[head.number - firstHead][entry] }

  /// Pooled votes, by entry; 0 for the window itself.
  private func votes(in head: HeadLedger) -> [Float] {
    let order = head.entriesByPosition.dropLast(window)
    var pooled = Array(repeating: Float(0), count: head.count)
    for column in head.windowAttention {
      let votes = order.map { column[$0] }
      for (place, entry) in order.enumerated() {
        let near = votes[Swift.max(0, place - kernel / 2)..<Swift.min(votes.count, place + kernel / 2 + 1)]
        let value = pool == .max ? near.max() ?? 0 : near.reduce(0, +) / Float(kernel)
        pooled[entry] += value / Float(head.windowAttention.count)
      }
    }
    return pooled
  }

  /// The registry's line.
  public static let entry = PolicyEntry.scoring(
    name: "snapkv", summary: "what the end of the prompt attends to, with neighbours",
    paper: "Li et al. 2024, arXiv 2404.14469",
    options: [
      .budget(default: "20%"),
      PolicyOption(key: "window", values: "a count", default: "32", help: "queries at the prompt's end that vote"),
      PolicyOption(key: "kernel", values: "an odd count", default: "5", help: "width of the pooling over neighbours"),
      PolicyOption(
        key: "pool", values: "avg, max", default: "avg", help: "how neighbouring votes are put together",
        choices: Pool.allCases.map(\.rawValue)),
      .positions(["original"]),
      PolicyOption(
        key: "when", values: "prefill", default: "prefill", help: "when entries may leave", choices: ["prefill"]),
    ],
    acts: "in prefill only"
  ) { options throws(PolicyError) in
    let window = try options.count("window", atLeast: 1)
    let kernel = try options.count("kernel", atLeast: 1)
    guard !kernel.isMultiple(of: 2) else { throw options.impossible("kernel") }
    return SnapKV(budget: try options.budget(), window: window, kernel: kernel, pool: try options.choice("pool"))
  }
}
