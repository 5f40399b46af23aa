/// More entries for the first layers, fewer for the last, the same in total: attention is broad below and narrow above.
///
///     B_l = B_max − l · (B_max − B_min) / (L − 1),  B_min = B / β,  B_max = 2·B − B_min      (PyramidKV §4.2)
///
/// Defaults: β = 20 (authors' code).
///
/// Departure: where stores have different numbers of heads `H_l`, all `B_l` are multiplied by `B · Σ H_l / Σ H_l·B_l`, so that
/// the total stays; in the paper all have as many.
///
/// Source: Cai et al. 2024, arXiv 2406.02069.
public struct Pyramid<Base: ScoringPolicy>: ScoringWrapper {
  /// Whose budget is spread over layers.
  public var base: Base
  /// How many times the mean budget the last layer's budget goes into, `β`.
  public let steepness: Double

  /// Gives the layers of `base` budgets that fall by `steepness`.
  public init(_ base: Base, steepness: Double = 20) {
    self.base = base
    self.steepness = steepness
  }

  /// Lets the base policy begin, and replaces its capacity by the layer's, `B_l`.
  public mutating func begin(at place: StorePlace, promptLength: Int) {
    base.begin(at: place, promptLength: promptLength)
    guard let mean = base.capacity, place.stores > 1 else { return }
    let least = Double(mean) / steepness
    let most = 2 * Double(mean) - least
    func entries(_ store: Int) -> Double { most - Double(store) / Double(place.stores - 1) * (most - least) }
    var scale = 1.0
    // Alike heads need no correction, and rounding would not leave exactly 1.
    if place.headsOfStores.contains(where: { $0 != place.heads }) {
      let total = place.headsOfStores.indices.reduce(0) { $0 + Double(place.headsOfStores[$1]) * entries($1) }
      scale = Double(mean) * Double(place.allHeads) / total
    }
    // As large as a plan for prompts of any length asks for.
    var capacity = max(1, Int(min(entries(place.store) * scale, 0x1p62).rounded(.down)))
    // Bytes buy whole pages: what a layer has beyond its last whole page is another's first.
    if case .bytes = base.budget, !place.sharesBudget {
      capacity = max(place.pageEntries, capacity / place.pageEntries * place.pageEntries)
    }
    base.capacity = capacity
  }
}
