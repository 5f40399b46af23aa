public import KelvinAttention
public import KelvinTensors

/// The sizes and constants of a decoder: what its file says, checked, whichever style the file is in.
///
/// As it is first read it is a plain one: norms in front of attention and feed-forward, a gate, no biases, no positions.
/// A family says what is particular about it.
public struct DecoderConfiguration: Sendable, Hashable {
  /// The registry's name of the family.
  public var architecture: String
  /// The names that tensors have in the file.
  public var style: Checkpoint.Style
  /// Transformer layers `L`.
  public var layers: Int
  /// Width of the residual stream.
  public var hiddenWidth: Int
  /// Query heads `Hq`.
  public var heads: Int
  /// Key/value heads `H`; divides `heads`.
  public var keyValueHeads: Int
  /// Width of a query, key and value head; even.
  public var headWidth: Int
  /// Width between the two steps of the feed-forward part.
  public var feedForwardWidth: Int
  /// Number of tokens: rows of the embedding.
  public var vocabulary: Int
  /// Tokens that the model was trained to look back on.
  public var contextLength: Int
  /// What is added under the root of a norm.
  public var normEpsilon: Float
  /// Whether the output head is the embedding.
  public var tiedEmbeddings: Bool
  /// What stands between the two steps of the feed-forward part.
  public var activation: Activation

  /// How queries and keys are turned, scalings included; `nil`: they are not.
  public var rotary: Rotary?
  /// The layers that look back a window only; `nil`: all layers see everything.
  public var sliding: Sliding?
  /// What dot products of queries and keys are multiplied by.
  public var attentionScale: Float
  /// The tensors that a layer has.
  public var parts: Set<LayerPart> = .usual
  /// Those of them that have a bias.
  public var biases: Set<LayerPart> = []
  /// What the tensors are called.
  public var names: DecoderTensorNames

  // MARK: Particulars

  /// The function between the steps of the feed-forward part.
  public enum Activation: Sendable, Hashable {
    /// `x / (1 + e⁻ˣ)`.
    case silu
  }

  /// Layers that see the newest positions only.
  public struct Sliding: Sendable, Hashable {
    /// Positions that a query of such a layer sees, its own included.
    public var window: Int
    /// `[L]` Which layers they are.
    public var isSliding: [Bool]
    /// How these layers turn queries and keys.
    public var rotary: Rotary?
  }

  /// A store for every layer.
  public var layout: CacheLayout {
    let stores = (0..<layers).map { layer in
      let local = sliding.flatMap { $0.isSliding[layer] ? $0 : nil }
      return StoreLayout(
        heads: keyValueHeads, keyWidth: headWidth, values: .stored(width: headWidth),
        rotary: local?.rotary ?? rotary, reach: local.map { .window($0.window) } ?? .everything)
    }
    return CacheLayout(stores: stores, storeOfLayer: Array(0..<layers))
  }
}
