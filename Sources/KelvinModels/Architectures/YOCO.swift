public import KelvinAttention
public import KelvinTensors

/// YOCO, "you only cache once": a decoder whose second half reads one store of keys and values that is made once.
///
///     X = self-decoder(embeddings)             sliding-window attention or gated retention: O(1) memory per layer
///     K̂ = RMSNorm(X)·W_K,  V̂ = RMSNorm(X)·W_V   once, for all layers of the cross-decoder
///     Y = softmax(Q̂·K̂ᵀ/√d)·V̂·W_O + X,  Q̂ = RMSNorm(X)·W_Q
///
/// So the cache grows by one layer's entries per token, O(N + L) instead of O(N·L). And a prompt needs the cross-decoder for
/// its last token only, because no other token's result is read again: the early exit is exact.
///
/// Consequence for policies that observe attention: with an early exit, only the last token of a prompt has attended to the
/// shared store when it is reviewed.
/// Source: Sun et al. 2024, arXiv 2405.05254, equations 1 to 4 (decoders), 5 to 9 (gated retention).
public struct YOCO: LanguageModel {
  /// The sizes and constants of the checkpoint.
  public let configuration: YOCOConfiguration
  /// A window's store or a state for each layer of the self-decoder, and one store of everything.
  public let layout: CacheLayout
  private let embedding: Weight
  private let selfDecoder: [(block: Block, mixer: any YOCOMixer)]
  private let sharedNorm: ContiguousArray<Float>
  private let sharedKey, sharedValue: Weight
  private let crossDecoder: [(block: Block, attention: CrossAttention)]
  private let finalNorm: ContiguousArray<Float>
  /// The embedding itself where the two are tied.
  private let head: Weight

  /// Tokens that logits are about.
  public var vocabulary: Int { configuration.vocabulary }
  /// Positions that the model was trained on.
  public var contextLength: Int { configuration.contextLength }
  /// Query heads of a layer of the cross-decoder.
  public var queryHeads: Int { configuration.crossHeads.queries }

  /// Packs the weights of a checkpoint.
  /// - Parameters:
  ///   - checkpoint: of a YOCO, in the style of Hugging Face.
  ///   - exact: keep all weights as 32-bit floats.
  ///   - processor: whose threads pack.
  ///   - progress: called with the share of layers that are packed, in 0...1.
  /// - Throws: `ModelError` where the checkpoint is not a whole, sound YOCO.
  public init(
    _ checkpoint: Checkpoint, exact: Bool, processor: Processor, progress: (Double) -> Void = { _ in }
  ) throws(ModelError) {
    configuration = try YOCOConfiguration(checkpoint)
    try configuration.validate(checkpoint)
    layout = configuration.layout
    let reader = WeightReader(checkpoint: checkpoint, exact: exact, processor: processor)
    embedding = try reader.weight(YOCOTensorNames.embedding)
    var own: [(Block, any YOCOMixer)] = []
    for index in 0..<configuration.selfLayers {
      let name = YOCOTensorNames.selfLayer(index)
      let block = try Block(reader, name, epsilon: configuration.normEpsilon)
      switch configuration.selfDecoder {
      case .window: own.append((block, try WindowAttention(reader, name, configuration, index: index)))
      case .gatedRetention(let divisor):
        own.append((block, try GatedRetention(reader, name, configuration, divisor: divisor, index: index)))
      }
      progress(Double(index + 1) / Double(configuration.layers))
    }
    selfDecoder = own
    sharedNorm = try reader.vector(YOCOTensorNames.sharedNorm)
    sharedKey = try reader.weight(YOCOTensorNames.sharedKey)
    sharedValue = try reader.weight(YOCOTensorNames.sharedValue)
    let crossLayers = configuration.layers - configuration.selfLayers
    var cross: [(Block, CrossAttention)] = []
    for index in 0..<crossLayers {
      let name = YOCOTensorNames.crossLayer(index)
      cross.append(
        (
          try Block(reader, name, epsilon: configuration.normEpsilon),
          try CrossAttention(reader, name, configuration, index: layout.storeOfLayer.count - crossLayers + index)
        ))
      progress(Double(configuration.selfLayers + index + 1) / Double(configuration.layers))
    }
    crossDecoder = cross
    finalNorm = try reader.vector(YOCOTensorNames.finalNorm)
    head = configuration.tiedEmbeddings ? embedding : try reader.weight(YOCOTensorNames.head)
  }

  /// Bytes of the packed weights.
  public var bytes: Int {
    let layers = selfDecoder.reduce(0) { $0 + $1.block.bytes + $1.mixer.bytes }
    let crossLayers = crossDecoder.reduce(0) { $0 + $1.block.bytes + $1.attention.bytes }
    return embedding.bytes + layers + sharedKey.bytes + sharedValue.bytes + crossLayers
      + (configuration.tiedEmbeddings ? 0 : head.bytes)
  }

  /// Runs the self-decoder over `tokens`, and the cross-decoder over the rows wanted.
  public func logits(
    for tokens: [Int32], wanting: LogitRows, memory: inout (some AttentionMemory & ~Copyable), on processor: Processor
  ) throws(MemoryError) -> Tensor {
    var x = embedding.rows(of: tokens, on: processor).scaled(by: configuration.embeddingFactor)
    for (block, mixer) in selfDecoder {
      x = block.joined(x, try mixer(block.normalised(x), memory: &memory))
    }
    let (keys, values) = x.rmsNormalised(gain: sharedNorm, epsilon: configuration.normEpsilon)
      .multiplied(by: sharedKey, sharedValue)
    switch wanting {
    case .none: x = x[rows: x.rows..<x.rows]
    case .last: x = processor.joined(memory.segments.map { x[rows: $0.upperBound - 1..<$0.upperBound] })
    case .all: break
    }
    // The first layer fills the store; all of them read it, with no rows where none are wanted.
    var entries: NewEntries? = NewEntries(keys: keys, values: values)
    for (block, attention) in crossDecoder {
      x = block.joined(x, try attention(block.normalised(x), adding: entries, memory: &memory))
      entries = nil
    }
    return x.rmsNormalised(gain: finalNorm, epsilon: configuration.normEpsilon).multiplied(by: head)
  }

  /// The registry's line.
  public static let entry = ArchitectureEntry(
    names: ["yoco"], summary: "YOCO: windows or gated retention below, one shared store above, exact early exit",
    describe: { checkpoint throws(ModelError) in try YOCOConfiguration(checkpoint).summary },
    make: { checkpoint, exact, processor, progress throws(ModelError) in
      try YOCO(checkpoint, exact: exact, processor: processor, progress: progress)
    })
}

extension YOCO {
  /// What all layers have around their mixer: two norms, two residuals and a feed-forward part.
  struct Block: Sendable {
    let mixerNorm, feedForwardNorm: ContiguousArray<Float>
    let feedForward: GatedFeedForward
    let epsilon: Float

    /// - Parameter name: what the names of the layer's tensors begin with.
    init(_ reader: WeightReader, _ name: String, epsilon: Float) throws(ModelError) {
      mixerNorm = try reader.vector(name + YOCOTensorNames.mixerNorm)
      feedForwardNorm = try reader.vector(name + YOCOTensorNames.feedForwardNorm)
      feedForward = GatedFeedForward(
        gate: try reader.weight(name + YOCOTensorNames.gate), up: try reader.weight(name + YOCOTensorNames.up),
        down: try reader.weight(name + YOCOTensorNames.down))
      self.epsilon = epsilon
    }

    var bytes: Int { feedForward.bytes }

    /// What the mixer reads of `x` `[T, hidden]`.
    func normalised(_ x: Tensor) -> Tensor { x.rmsNormalised(gain: mixerNorm, epsilon: epsilon) }

    /// `x` and what was `mixed`, both `[T, hidden]`, through the rest of the layer.
    func joined(_ x: Tensor, _ mixed: Tensor) -> Tensor {
      let y = x + mixed
      return y + feedForward(y.rmsNormalised(gain: feedForwardNorm, epsilon: epsilon))
    }
  }

  /// Attention of a layer of the cross-decoder, to the store that all of them share.
  struct CrossAttention: Sendable {
    let query, output: Weight
    let index: Int
    let scale: Float

    init(
      _ reader: WeightReader, _ name: String, _ configuration: YOCOConfiguration, index: Int
    ) throws(ModelError) {
      query = try reader.weight(name + YOCOTensorNames.query)
      output = try reader.weight(name + YOCOTensorNames.output)
      self.index = index
      scale = 1 / Float(configuration.crossHeads.width).squareRoot()
    }

    var bytes: Int { query.bytes + output.bytes }

    /// `x` `[rows, hidden]`, the last rows of the pass → `[rows, hidden]`.
    func callAsFunction(
      _ x: Tensor, adding entries: NewEntries?, memory: inout (some AttentionMemory & ~Copyable)
    ) throws(MemoryError) -> Tensor {
      try memory.attend(x.multiplied(by: query), adding: entries, layer: index, scale: scale).multiplied(by: output)
    }
  }
}
