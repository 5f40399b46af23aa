import KelvinAttention
public import KelvinModels

/// How much arithmetic it takes to write a text, with and without a cache.
///
/// With `P` the parameters of the layers and `A = Σ layers Hq · (Dk + Dv) / 2`, a pass over `t` tokens costs about
/// `2·P·t + 2·A·t²` operations (the causal half of the products with keys and values). Writing `n` tokens one by one:
///
///     without a cache   P·n² + ⅔·A·n³      every step reads all tokens again
///     with a cache      2·P·n + 2·A·n²     every step reads one token, and attends to all as a whole pass would
///
/// The output head and the traffic with memory are left out.
public struct GenerationCost: Sendable, Hashable {
  /// `P`, besides the embedding, the output head, and experts that a token does not choose.
  public var parameters: Double
  /// `A`, the width over all layers in which queries meet keys and values.
  public var attentionWidth: Double

  /// The cost of a model with these numbers.
  public init(parameters: Double, attentionWidth: Double) {
    self.parameters = parameters
    self.attentionWidth = attentionWidth
  }

  /// The cost of a model; a window or a state costs every token the same, and is left out.
  public init(_ model: ModelDescription) {
    parameters = Double(model.activeParameters)
    attentionWidth = model.layout.storeOfLayer.reduce(0) { sum, store in
      let store = model.layout.stores[store]
      guard store.reach == .everything else { return sum }
      return sum + Double(model.queryHeads) * Double(store.keyWidth + store.valueWidth) / 2
    }
  }

  /// Operations for `tokens` tokens that are written one by one.
  public func operations(tokens: Int, isCached: Bool) -> Double {
    let n = Double(tokens)
    return isCached
      ? 2 * parameters * n + 2 * attentionWidth * n * n
      : parameters * n * n + attentionWidth * n * n * n * 2 / 3
  }

  /// By what factor the operations grow when `tokens` tokens become twice as many.
  public func growth(doubling tokens: Int, isCached: Bool) -> Double {
    operations(tokens: 2 * tokens, isCached: isCached) / operations(tokens: tokens, isCached: isCached)
  }
}
