public import KelvinAttention
public import KelvinTensors

/// The sizes and constants of a DeepSeek: what its file says, checked, whichever style the file is in.
public struct DeepSeekConfiguration: Sendable, Hashable {
  /// The names that tensors have in the file.
  public var style: Checkpoint.Style
  /// Transformer layers `L`.
  public var layers: Int
  /// Width of the residual stream.
  public var hiddenWidth: Int
  /// Query heads `Hq`.
  public var heads: Int
  /// Width of the latent of keys and values, `Dc`.
  public var latentWidth: Int
  /// Width of the latent of queries; `nil`: queries have none.
  public var queryLatentWidth: Int?
  /// Channels of a query and key that are not turned, `Dn`.
  public var plainWidth: Int
  /// Channels of a query and key that are turned, `Dr`; all heads share those of the key.
  public var rotaryWidth: Int
  /// Width of a head's value, `Dv`.
  public var valueWidth: Int
  /// Width between the two steps of the feed-forward part of a dense layer.
  public var feedForwardWidth: Int
  /// Layers before the first with experts; all where there are no experts.
  public var denseLayers: Int
  /// The experts of the other layers.
  public var experts: Experts?
  /// Number of tokens: rows of the embedding.
  public var vocabulary: Int
  /// Tokens that the model was trained to look back on.
  public var contextLength: Int
  /// What is added under the root of a norm; norms of latents have their own.
  public var normEpsilon: Float
  /// Whether latents are normalised; those of converted models are not.
  public var normalisesLatents: Bool
  /// For each layer how the turned channels are turned, scalings included.
  public var rotary: [Rotary]
  /// What dot products of queries and keys are multiplied by.
  public var attentionScale: Float
  /// Whether the output head is the embedding.
  public var tiedEmbeddings: Bool
  /// Whether the file has one up-projection for keys and one for values, not both in one, and the first transposed.
  public var splitsUpProjections: Bool
  /// Layers behind the last, for predicting several tokens at once, which are not used.
  public var extraLayers: Int

  /// The experts of a layer.
  public struct Experts: Sendable, Hashable {
    /// How tokens choose them.
    public var routing: ExpertRouting
    /// Width between the two steps of an expert.
    public var width: Int
    /// The same of the expert that every token uses; `nil`: there is none.
    public var sharedWidth: Int?
  }

  /// A store for every layer: one head of latents and turned keys, which is all that a token leaves behind.
  public var layout: CacheLayout {
    let stores = rotary.map {
      StoreLayout(
        heads: 1, keyWidth: latentWidth + rotaryWidth, values: .prefixOfKey(width: latentWidth), rotary: $0)
    }
    return CacheLayout(stores: stores, storeOfLayer: Array(0..<layers))
  }

  /// Width of a head's query and key, `Dn + Dr`.
  var headWidth: Int { plainWidth + rotaryWidth }

  /// Whether layer `index` has experts.
  func hasExperts(_ index: Int) -> Bool { index >= denseLayers && experts != nil }

  /// What tools show of a model.
  var summary: ModelDescription {
    ModelDescription(
      architecture: DeepSeek.entry.names[0], layout: layout, queryHeads: heads, hiddenWidth: hiddenWidth,
      feedForwardWidth: feedForwardWidth, vocabulary: vocabulary, contextLength: contextLength,
      tiedEmbeddings: tiedEmbeddings, innerParameters: innerParameters, idleParameters: idleParameters)
  }

  /// Numbers of the experts that a token does not choose.
  private var idleParameters: Int {
    guard let experts else { return 0 }
    let idle = experts.routing.experts - experts.routing.chosen
    return (layers - denseLayers) * idle * 3 * hiddenWidth * experts.width
  }
}
