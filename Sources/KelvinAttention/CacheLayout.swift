/// The shape of everything a model remembers: which bags of entries exist and which layers read them.
public struct CacheLayout: Sendable, Hashable, Codable {
  /// Independent bags of entries.
  public var stores: [StoreLayout]
  /// The store that each attention layer reads; layers may share one.
  public var storeOfLayer: [Int]
  /// The state of each retention layer; these layers are counted by themselves.
  public var states: [StateLayout]

  /// Stores, the store that each attention layer reads, and the states of retention layers.
  public init(stores: [StoreLayout], storeOfLayer: [Int], states: [StateLayout] = []) {
    self.stores = stores
    self.storeOfLayer = storeOfLayer
    self.states = states
  }

  /// `layers` stores of the same shape, one per layer.
  public init(layers: Int, each store: StoreLayout) {
    self.init(stores: Array(repeating: store, count: layers), storeOfLayer: Array(0..<layers))
  }
}

/// The shape of one store.
public struct StoreLayout: Sendable, Hashable, Codable {
  /// Where an entry's value is.
  public enum Values: Sendable, Hashable, Codable {
    /// Beside the key, `width` numbers.
    case stored(width: Int)
    /// The first `width` numbers of the key (MLA's latent).
    case prefixOfKey(width: Int)
  }
  /// How far back a query sees.
  public enum Reach: Sendable, Hashable, Codable {
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
  /// How new entries are gated; `nil`: every one is appended.
  public var gating: Gating?
  /// Scores `s` become `softcap · tanh(s / softcap)` before the softmax (Gemma 2).
  public var softcap: Float?
  /// Whether the softmax counts one more entry, whose key and value are zero ("softmax off by one").
  public var hasZeroSink: Bool

  /// A store of `heads` heads.
  public init(
    heads: Int, keyWidth: Int, values: Values, rotary: Rotary?, reach: Reach = .everything, gating: Gating? = nil,
    softcap: Float? = nil, hasZeroSink: Bool = false
  ) {
    self.heads = heads
    self.keyWidth = keyWidth
    self.values = values
    self.rotary = rotary
    self.reach = reach
    self.gating = gating
    self.softcap = softcap
    self.hasZeroSink = hasZeroSink
  }

  /// Value width `Dv`.
  public var valueWidth: Int {
    switch values {
    case .stored(let width), .prefixOfKey(let width): width
    }
  }

  /// Numbers that one entry of one head takes.
  public var numbersPerEntry: Int {
    switch values {
    case .stored(let width): keyWidth + width
    case .prefixOfKey: keyWidth
    }
  }

  /// The most entries that a head holds after `tokens` tokens.
  public func mostEntries(of tokens: Int) -> Int {
    switch reach {
    case .everything: tokens
    case .window(let window): min(tokens, window)
    }
  }
}

/// How a new entry is appended or merged into the last one (DMC, arXiv 2403.09636).
public struct Gating: Sendable, Hashable, Codable {
  /// Members of a segment whose weighted mean an entry is: the newest so many.
  public var window: Int
  /// The channel of keys and queries that carries the gate, which attention never sees.
  public var channel: Int

  /// Means over the newest `window` members; the gate is in `channel`.
  public init(window: Int, channel: Int) {
    self.window = window
    self.channel = channel
  }
}

/// The shape of a retention layer's state: for each head a matrix of constant size (YOCO §3.2, arXiv 2405.05254).
public struct StateLayout: Sendable, Hashable, Codable {
  /// Heads, each with a state of its own.
  public var heads: Int
  /// Rows of a state: the width of queries and keys.
  public var keyWidth: Int
  /// Columns of a state: the width of values.
  public var valueWidth: Int
  /// `nil`: keys and queries are not turned.
  public var rotary: Rotary?

  /// A state of `heads` matrices `[keyWidth, valueWidth]`.
  public init(heads: Int, keyWidth: Int, valueWidth: Int, rotary: Rotary?) {
    self.heads = heads
    self.keyWidth = keyWidth
    self.valueWidth = valueWidth
    self.rotary = rotary
  }

  /// Numbers of all heads' states.
  public var numbers: Int { heads * keyWidth * valueWidth }
}
