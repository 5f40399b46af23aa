public import KelvinAttention
public import KelvinTensors

/// A transformer decoder, in whatever way its configuration says.
///
/// One model serves all families whose layers are attention and feed-forward behind norms and beside a residual; MHA
/// (as many KV heads as query heads), GQA and MQA (one KV head) differ in the layout.
public struct Decoder: LanguageModel {
  /// The sizes and constants of the checkpoint.
  public let configuration: DecoderConfiguration
  /// One store per layer.
  public let layout: CacheLayout
  private let embedding: Embedding
  /// Of the positions, where they are learned.
  private let positions: Weight?
  private let layers: [DecoderLayer]
  private let finalNorm: Norm
  /// The embedding itself where the two are tied.
  private let head: Weight

  /// Tokens that logits are about.
  public var vocabulary: Int { configuration.vocabulary }
  /// Positions that the model was trained on.
  public var contextLength: Int { configuration.contextLength }
  /// Query heads of a layer.
  public var queryHeads: Int { configuration.heads }
  /// Those behind the attention of the last layer.
  public var weightsOfWantedRows: [Weight] { layers.last?.weightsOfWantedRows ?? [] }
  /// The learned sinks.
  public var leadingTokens: [Int32] { embedding.leadingTokens }

  /// Packs the weights of a checkpoint.
  /// - Parameters:
  ///   - configuration: read from the checkpoint.
  ///   - checkpoint: in either style.
  ///   - exact: keep all weights as 32-bit floats.
  ///   - processor: whose threads pack.
  ///   - progress: called with the share of layers that are packed, in 0...1.
  /// - Throws: `ModelError` where the checkpoint has not exactly the tensors that the configuration implies.
  public init(
    _ configuration: DecoderConfiguration, _ checkpoint: Checkpoint, exact: Bool, processor: Processor,
    progress: (Double) -> Void = { _ in }
  ) throws(ModelError) {
    self.configuration = configuration
    try configuration.validate(checkpoint)
    layout = configuration.layout
    let reader = WeightReader(checkpoint: checkpoint, exact: exact, processor: processor)
    let names = configuration.names
    embedding = Embedding(
      tokens: try reader.weight(names.embedding),
      sinks: configuration.sinkTokens > 0 ? try reader.weight(names.sinks) : nil)
    positions = configuration.hasPositionEmbedding ? try reader.weight(names.positions) : nil
    var layers: [DecoderLayer] = []
    for index in 0..<configuration.layers {
      layers.append(try DecoderLayer(reader, configuration, index: index))
      progress(Double(index + 1) / Double(configuration.layers))
    }
    self.layers = layers
    finalNorm = try Norm(reader, names.finalNorm, configuration)
    head = configuration.tiedEmbeddings ? embedding.tokens : try reader.weight(names.head)
  }

  /// Bytes of the packed weights.
  public var bytes: Int {
    embedding.bytes + (positions?.bytes ?? 0) + layers.reduce(0) { $0 + $1.bytes }
      + (configuration.tiedEmbeddings ? 0 : head.bytes)
  }

  /// Runs all layers over `tokens`, and reads logits for the rows wanted.
  public func logits(
    for tokens: [Int32], wanting: LogitRows, memory: inout (some AttentionMemory & ~Copyable), on processor: Processor
  ) throws(MemoryError) -> Tensor {
    var x = try embedded(tokens, at: memory.positions, on: processor)
    // Nobody reads the other rows of the last layer: of a prompt of 512 tokens that saves 2.5 % of the operations.
    for layer in layers { x = try layer(x, wanting: layer === layers.last ? wanting : .all, memory: &memory) }
    guard x.rows > 0 else { return processor.tensor(rows: 0, columns: vocabulary) }
    let logits = finalNorm(x).multiplied(by: head)
    return configuration.logitSoftcap.map(logits.softcapped) ?? logits
  }

  /// The embeddings of `tokens`: `[T, hidden]`.
  private func embedded(
    _ tokens: [Int32], at places: [Int32], on processor: Processor
  ) throws(MemoryError) -> Tensor {
    var x = embedding.rows(of: tokens, on: processor)
    if configuration.embeddingScale != 1 { x = x.scaled(by: configuration.embeddingScale) }
    guard let positions else { return x }
    if let last = places.max(), last >= positions.rows { throw .noSuchPosition(Int(last), limit: positions.rows) }
    return x + positions.rows(of: places, on: processor)
  }
}
