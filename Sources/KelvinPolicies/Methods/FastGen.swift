/// FastGen: each head gets the cheapest recipe that recovers enough of its attention, chosen once, at the end of the prompt.
///
/// Some heads look at special tokens only, some nearby, some everywhere. Recipes, cheapest first:
///
///     special ⊂ + punctuation ⊂ + frequent ⊂ + local ⊂ full                                       (paper §4)
///     recovery(C) = (1/n) Σ_{j ∈ C} A_j                attention kept, mean over the group
///     recipe = the first C with recovery(C) ≥ T        (T = 1: full)
///
/// Over `n` tokens seen: special = control tokens and position 0; frequent = the ⌊f_f·n⌋ largest A_j among entries neither
/// special nor punctuation; local = the last ⌊f_l·n⌋ tokens. In decode the recipe's set is formed again among live entries, with
/// the current `n`; the current token has always been attended to before it may go. Prompts under 16 tokens: full.
///
/// Defaults: T = 0.95, f_f = f_l = 0.3 (paper §5).
/// Departures: the paper's norm |A − softmax(QK_Cᵀ)| is taken as attention mass lost, without renormalising, which is monotone
/// in it; one recipe per KV head, as keys are shared by its group.
/// Not for: a fixed amount of memory; the heads decide what they need.
///
/// Source: Ge et al. 2023, arXiv 2310.01801.
public struct FastGen: CachePolicy {
  /// What a head keeps, each including those before it.
  public enum Recipe: Int, Sendable, Hashable, CaseIterable {
    case special, punctuation, frequent, local, full
  }

  /// The share of attention that must be recovered, `T`.
  public let threshold: Double
  /// The share of tokens that count as frequent, `f_f`.
  public let frequent: Double
  /// The share of tokens that count as local, `f_l`.
  public let local: Double
  /// The recipe of each head, once chosen.
  public private(set) var recipes: [Recipe] = []

  /// Asks for the attention received and the kinds of tokens.
  public let records = Records(attention: true, kinds: true)
  /// Kept entries stay where they were born.
  public let places = Places.original

  /// Recovers a share of `threshold` with `frequent` and `local` shares of the tokens.
  public init(threshold: Double = 0.95, frequent: Double = 0.3, local: Double = 0.3) {
    self.threshold = threshold
    self.frequent = frequent
    self.local = local
  }

  /// Every head keeps everything until its recipe is chosen.
  public mutating func begin(at place: StorePlace, promptLength: Int) {
    recipes = Array(repeating: .full, count: place.heads)
  }

  /// Chooses the recipes at the end of the prompt, and applies them then and at every step.
  public mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    guard moment != .promptChunk else { return }
    for head in 0..<ledger.heads.count {
      let columns = ledger.heads[head]
      if moment == .promptEnd, ledger.seen >= 16 { recipes[head] = choose(columns, seen: ledger.seen) }
      guard recipes[head] != .full else { continue }
      let stays = kept(by: recipes[head], in: columns, seen: ledger.seen)
      for entry in stays.indices where !stays[entry] { edits.evict(entry, head: head) }
    }
  }

  /// The recipe of each head.
  public var notes: [Int] { recipes.map(\.rawValue) }

  /// Takes up the recipe of each head.
  public mutating func takeUp(_ notes: [Int]) -> Bool {
    let taken = notes.compactMap { Recipe(rawValue: $0) }
    guard taken.count == notes.count, taken.count == recipes.count else { return false }
    recipes = taken
    return true
  }

  private func choose(_ head: HeadLedger, seen: Int) -> Recipe {
    guard threshold < 1 else { return .full }
    return Recipe.allCases.first { recipe in
      let stays = kept(by: recipe, in: head, seen: seen)
      let mass = stays.indices.reduce(0.0) { stays[$1] ? $0 + Double(head.attention[$1]) : $0 }
      return recipe == .full || mass / Double(seen) >= threshold
    } ?? .full
  }

  /// Which entries a recipe keeps when `seen` tokens have been seen.
  private func kept(by recipe: Recipe, in head: HeadLedger, seen: Int) -> [Bool] {
    func isSpecial(_ entry: Int) -> Bool { head.positions[entry] == 0 || head.kinds[entry] == .special }
    func isPlain(_ entry: Int) -> Bool { !isSpecial(entry) && head.kinds[entry] != .punctuation }
    var stays = (0..<head.count).map { entry in
      recipe == .full || isSpecial(entry) || (recipe.rawValue >= 1 && head.kinds[entry] == .punctuation)
    }
    if recipe == .frequent || recipe == .local {
      let ranked = (0..<head.count).filter(isPlain).sorted { a, b in
        head.attention[a] != head.attention[b]
          ? head.attention[a] > head.attention[b] : head.positions[a] < head.positions[b]
      }
      for entry in ranked.prefix(Int((frequent * Double(seen)).rounded(.down))) { stays[entry] = true }
    }
    if recipe == .local {
      let first = seen - Int((local * Double(seen)).rounded(.down))
      for entry in stays.indices where head.positions[entry] >= first { stays[entry] = true }
    }
    return stays
  }

  /// The registry's line.
  public static let entry = PolicyEntry(
    name: "fastgen", summary: "for each head the cheapest recipe that recovers its attention",
    paper: "Ge et al. 2023, arXiv 2310.01801",
    options: [
      PolicyOption(
        key: "threshold", values: "a share in (0, 1]", default: "0.95", help: "attention that must be recovered"),
      PolicyOption(key: "frequent", values: "a share in [0, 1]", default: "0.3", help: "tokens that count as frequent"),
      PolicyOption(key: "local", values: "a share in [0, 1]", default: "0.3", help: "tokens that count as local"),
      .positions(["original"]),
    ],
    acts: "chooses at the end of the prompt, then every step"
  ) { options throws(PolicyError) in
    FastGen(
      threshold: try options.share("threshold", allowsZero: false), frequent: try options.share("frequent"),
      local: try options.share("local"))
  }
}
