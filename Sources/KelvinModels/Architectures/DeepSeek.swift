public import KelvinAttention
public import KelvinTensors

/// DeepSeek-V2 and V3: multi-head latent attention, and experts behind the first layers.
///
/// A token leaves behind one latent and one turned key per layer, which all heads share. Tokens choose a few of many
/// experts; the versions differ in how.
/// Sources: DeepSeek-V2, arXiv 2405.04434; DeepSeek-V3, arXiv 2412.19437.
public struct DeepSeek: LanguageModel {
  /// The sizes and constants of the checkpoint.
  public let configuration: DeepSeekConfiguration
  /// One store per layer.
  public let layout: CacheLayout
  private let embedding: Weight
  private let layers: [Layer]
  private let finalNorm: ContiguousArray<Float>
  /// The embedding itself where the two are tied.
  private let head: Weight

  /// Tokens that logits are about.
  public var vocabulary: Int { configuration.vocabulary }
  /// Positions that the model was trained on.
  public var contextLength: Int { configuration.contextLength }
  /// Query heads of a layer.
  public var queryHeads: Int { configuration.heads }

  /// Packs the weights of a checkpoint.
  /// - Parameters:
  ///   - checkpoint: of a DeepSeek, in either style.
  ///   - exact: keep all weights as 32-bit floats.
  ///   - processor: whose threads pack.
  ///   - progress: called with the share of layers that are packed, in 0...1.
  /// - Throws: `ModelError` where the checkpoint is not a whole, sound DeepSeek.
  public init(
    _ checkpoint: Checkpoint, exact: Bool, processor: Processor, progress: (Double) -> Void = { _ in }
  ) throws(ModelError) {
    configuration = try DeepSeekConfiguration(checkpoint)
    try configuration.validate(checkpoint)
    layout = configuration.layout
    let reader = WeightReader(checkpoint: checkpoint, exact: exact, processor: processor)
    let names = configuration.names
    embedding = try reader.weight(names.embedding)
    var layers: [Layer] = []
    for index in 0..<configuration.layers {
      layers.append(try DeepSeekLayerReader(reader: reader, configuration: configuration, index: index).layer())
      progress(Double(index + 1) / Double(configuration.layers))
    }
    self.layers = layers
    finalNorm = try reader.vector(names.finalNorm)
    head = configuration.tiedEmbeddings ? embedding : try reader.weight(names.head)
  }

  /// Bytes of the packed weights.
  public var bytes: Int {
    embedding.bytes + layers.reduce(0) { $0 + $1.bytes } + (configuration.tiedEmbeddings ? 0 : head.bytes)
  }

  /// Runs all layers over `tokens`, and reads logits for the rows wanted.
  public func logits(
    for tokens: [Int32], wanting: LogitRows, memory: inout (some AttentionMemory & ~Copyable), on processor: Processor
  ) throws(MemoryError) -> Tensor {
    var x = embedding.rows(of: tokens, on: processor)
    for (index, layer) in layers.enumerated() {
      x = try layer.attended(x, memory: &memory)
      // Nobody reads the other rows of the last layer.
      if index == layers.count - 1 && wanting != .all { x = x[rows: wanting.range(of: x.rows)] }
      guard x.rows > 0 else { return processor.tensor(rows: 0, columns: vocabulary) }
      x = layer.fedForward(x)
    }
    return x.rmsNormalised(gain: finalNorm, epsilon: configuration.normEpsilon).multiplied(by: head)
  }

  /// The experts that each of `tokens` chooses, layer by layer; layers without experts have none.
  package func choices(
    of tokens: [Int32], memory: inout (some AttentionMemory & ~Copyable), on processor: Processor
  ) throws(MemoryError) -> [[[ExpertRouting.Choice]]] {
    var x = embedding.rows(of: tokens, on: processor)
    var choices: [[[ExpertRouting.Choice]]] = []
    for layer in layers {
      x = try layer.attended(x, memory: &memory)
      choices.append(layer.choices(x))
      x = layer.fedForward(x)
    }
    return choices
  }
}

extension DeepSeek {
  /// One layer: attention and feed-forward, each behind a norm and beside a residual.
  struct Layer: Sendable {
    /// The feed-forward part.
    enum FeedForward: Sendable {
      case dense(GatedFeedForward)
      case experts(MixtureOfExperts)
    }

    let attentionNorm, feedForwardNorm: ContiguousArray<Float>
    let normEpsilon: Float
    let attention: LatentAttention
    let feedForward: FeedForward

    var bytes: Int {
      switch feedForward {
      case .dense(let dense): attention.bytes + dense.bytes
      case .experts(let experts): attention.bytes + experts.bytes
      }
    }

    /// `x` `[T, hidden]` → `[T, hidden]`, and so does `fedForward`.
    func attended(_ x: Tensor, memory: inout (some AttentionMemory & ~Copyable)) throws(MemoryError) -> Tensor {
      x + (try attention(x.rmsNormalised(gain: attentionNorm, epsilon: normEpsilon), memory: &memory))
    }

    func fedForward(_ x: Tensor) -> Tensor {
      let normalised = x.rmsNormalised(gain: feedForwardNorm, epsilon: normEpsilon)
      return switch feedForward {
      case .dense(let dense): x + dense(normalised)
      case .experts(let experts): x + experts(normalised)
      }
    }

    /// The experts that each row chooses.
    func choices(_ x: Tensor) -> [[ExpertRouting.Choice]] {
      guard case .experts(let experts) = feedForward else { return [] }
      return experts.choices(x.rmsNormalised(gain: feedForwardNorm, epsilon: normEpsilon))
    }
  }

  /// The registry's line.
  public static let entry = ArchitectureEntry(
    names: ["deepseek2", "deepseek_v2", "deepseek_v3"],
    summary: "DeepSeek-V2 and V3: latent attention (MLA), experts, YaRN",
    describe: { checkpoint throws(ModelError) in try DeepSeekConfiguration(checkpoint).summary },
    make: { checkpoint, exact, processor, progress throws(ModelError) in
      try DeepSeek(checkpoint, exact: exact, processor: processor, progress: progress)
    }, conversion: DeepSeekTranslation.conversion)
}
