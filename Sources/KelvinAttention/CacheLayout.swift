/// The shape of everything a model remembers: which bags of entries exist and which layers read them.
public struct CacheLayout: Sendable, Hashable {
  /// Independent bags of entries.
  public var stores: [StoreLayout]
  /// The store that each layer reads; layers may share one.
  public var storeOfLayer: [Int]

  /// Stores, and the store that each layer reads.
  public init(stores: [StoreLayout], storeOfLayer: [Int]) {
    self.stores = stores
    self.storeOfLayer = storeOfLayer
  }

  /// `layers` stores of the same shape, one per layer.
  public init(layers: Int, each store: StoreLayout) {
    self.init(stores: Array(repeating: store, count: layers), storeOfLayer: Array(0..<layers))
  }
}

/// The shape of one store.
public struct StoreLayout: Sendable, Hashable {
  /// Where an entry's value is.
  public enum Values: Sendable, Hashable {
    /// Beside the key, `width` numbers.
    case stored(width: Int)
    /// The first `width` numbers of the key (MLA's latent).
    case prefixOfKey(width: Int)
  }
  /// How far back a query sees.
  public enum Reach: Sendable, Hashable {
    case everything
    /// The newest `n` positions, its own included.
    case window(Int)
  }

  /// KV heads `H`.
  public var heads: Int
  /// Key width `Dk`.
  public var keyWidth: Int
  /// Where values are.
  public var values: Values
  /// `nil`: keys and queries are not turned.
  public var rotary: Rotary?
  /// How far back queries see.
  public var reach: Reach
  /// Whether new entries carry append-or-merge gates (DMC).
  public var isGated: Bool

  /// A store of `heads` heads.
  public init(
    heads: Int, keyWidth: Int, values: Values, rotary: Rotary?, reach: Reach = .everything, isGated: Bool = false
  ) {
    self.heads = heads
    self.keyWidth = keyWidth
    self.values = values
    self.rotary = rotary
    self.reach = reach
    self.isGated = isGated
  }

  /// Value width `Dv`.
  public var valueWidth: Int {
    switch values {
    case .stored(let width), .prefixOfKey(let width): width
    }
  }
}
