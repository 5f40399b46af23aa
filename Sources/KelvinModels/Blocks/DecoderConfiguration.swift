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
  /// `[L]` Key/value heads `H` of each layer; each divides `heads`.
  public var keyValueHeads: [Int]
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
  /// The limit `c` of scores, `c · tanh(s / c)`; `nil`: none.
  public var attentionSoftcap: Float?
  /// What embeddings are multiplied by.
  public var embeddingScale: Float = 1
  /// Whether a learned embedding of the position is added to that of the token.
  public var hasPositionEmbedding = false
  /// How the residual stream is normalised.
  public var norm = NormKind.rootMeanSquare(offset: 0)
  /// Whether norms of queries and keys take all heads together, and not head by head.
  public var normsHeadsTogether = false
  /// The limit `c` of logits, `c · tanh(l / c)`; `nil`: none.
  public var logitSoftcap: Float?
  /// Learned sinks that stand before every sequence.
  public var sinkTokens = 0
  /// Whether the softmax counts one more entry of zeros.
  public var hasZeroSink = false
  /// How tokens are merged on arrival; `nil`: they are not.
  public var merging: DMC?
  /// The tensors that a layer has.
  public var parts: Set<LayerPart> = .usual
  /// Those of them that have a bias.
  public var biases: Set<LayerPart> = []
  /// Whether the file has the matrices of layers as `[inputs, outputs]`.
  public var isTransposed = false
  /// What the tensors are called.
  public var names: DecoderTensorNames

  // MARK: Particulars

  /// A norm of the residual stream.
  public enum NormKind: Sendable, Hashable {
    /// By the root of the mean square; gains are stored less `offset`.
    case rootMeanSquare(offset: Float)
    /// By mean and deviation, with a bias.
    case layer
  }

  /// The function between the steps of the feed-forward part.
  public enum Activation: Sendable, Hashable {
    /// `x / (1 + e⁻ˣ)`.
    case silu
    /// The form with tanh: `x · (1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2`.
    case gelu
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
        heads: keyValueHeads[layer], keyWidth: headWidth, values: .stored(width: headWidth),
        rotary: local?.rotary ?? rotary, reach: local.map { .window($0.window) } ?? .everything,
        gating: merging?.gating,
        softcap: attentionSoftcap, hasZeroSink: hasZeroSink)
    }
    return CacheLayout(stores: stores, storeOfLayer: Array(0..<layers))
  }
}
