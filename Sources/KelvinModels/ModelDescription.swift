public import KelvinAttention

/// What a model's file says about the model, before any weight is read.
public struct ModelDescription: Sendable, Hashable {
  /// The registry's name.
  public var architecture: String
  /// The shape of what the model remembers.
  public var layout: CacheLayout
  /// Query heads `Hq` of its attention layers.
  public var queryHeads: Int
  /// Width of the residual stream.
  public var hiddenWidth: Int
  /// Width between the two steps of the feed-forward part.
  public var feedForwardWidth: Int
  /// Tokens `V` that it knows.
  public var vocabulary: Int
  /// Positions that it was trained for.
  public var contextLength: Int
  /// Whether the output head is the embedding.
  public var tiedEmbeddings: Bool
  /// Numbers in all weights besides the embedding and the output head.
  public var innerParameters: Int
  /// Those of them that one token does not use: the experts that it does not choose.
  public var idleParameters = 0
  /// Tokens of its own that stand in front of every sequence: learned sinks.
  public var leadingTokens = 0

  /// Transformer layers `L`: those that attend and those that retain.
  public var layers: Int { layout.storeOfLayer.count + layout.states.count }
  /// `P` of the cost of a step: the numbers in all weights that a token uses, besides the embedding and the output head.
  public var activeParameters: Int { innerParameters - idleParameters }
  /// Numbers in all weights.
  public var parameters: Int { innerParameters + vocabulary * hiddenWidth * (tiedEmbeddings ? 1 : 2) }
}
