public import KelvinAttention
public import KelvinTensors

/// The Llama family: pre-norm transformer decoders with rotary positions, grouped-query attention and SwiGLU.
///
/// One file serves MHA (as many KV heads as query heads), GQA and MQA (one KV head): they differ in the layout.
/// Source: Touvron et al. 2023, arXiv 2302.13971; GQA: Ainslie et al. 2023, arXiv 2305.13245.
public struct Llama: LanguageModel {
  /// The sizes and constants of the checkpoint.
  public let configuration: LlamaConfiguration
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
  ///   - checkpoint: of a Llama, in either style.
  ///   - exact: keep all weights as 32-bit floats.
  ///   - processor: whose threads pack.
  ///   - progress: called with the share of layers that are packed, in 0...1.
  /// - Throws: `ModelError` where the checkpoint is not a whole, sound Llama.
  public init(
    _ checkpoint: Checkpoint, exact: Bool, processor: Processor, progress: (Double) -> Void = { _ in }
  ) throws(ModelError) {
    configuration = try LlamaConfiguration(checkpoint)
    try configuration.validate(checkpoint)
    layout = configuration.layout
    let reader = WeightReader(checkpoint: checkpoint, exact: exact, processor: processor)
    let names = configuration.names
    embedding = try reader.weight(names.embedding)
    var layers: [Layer] = []
    for index in 0..<configuration.layers {
      layers.append(try Layer(reader, names, index: index, configuration))
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
      x = try layer(x, index: index, configuration, memory: &memory)
    }
    switch wanting {
    case .none: return processor.tensor(rows: 0, columns: vocabulary)
    case .last: x = x[rows: x.rows - 1..<x.rows]
    case .all: break
    }
    return x.rmsNormalised(gain: finalNorm, epsilon: configuration.normEpsilon).multiplied(by: head)
  }
}

extension Llama {
  /// One decoder layer: attention and feed-forward, each behind a norm and beside a residual.
  struct Layer: Sendable {
    let attentionNorm: ContiguousArray<Float>
    let query, key, value, output: Weight
    /// Biases of query, key, value and output.
    let attentionBiases: [ContiguousArray<Float>?]
    let feedForwardNorm: ContiguousArray<Float>
    let gate, up, down: Weight
    /// Biases of gate, up and down.
    let feedForwardBiases: [ContiguousArray<Float>?]

    init(
      _ reader: WeightReader, _ names: LlamaTensorNames, index: Int, _ configuration: LlamaConfiguration
    ) throws(ModelError) {
      let layer = names.layer(index)
      attentionNorm = try reader.vector(layer.attentionNorm)
      query = try reader.weight(layer.query)
      key = try reader.weight(layer.key)
      value = try reader.weight(layer.value)
      output = try reader.weight(layer.output)
      feedForwardNorm = try reader.vector(layer.feedForwardNorm)
      gate = try reader.weight(layer.gate)
      up = try reader.weight(layer.up)
      down = try reader.weight(layer.down)
      func biases(_ weights: [String], _ exist: Bool) throws(ModelError) -> [ContiguousArray<Float>?] {
        var biases: [ContiguousArray<Float>?] = []
        for weight in weights { biases.append(exist ? try reader.vector(names.bias(of: weight)) : nil) }
        return biases
      }
      attentionBiases = try biases([layer.query, layer.key, layer.value, layer.output], configuration.attentionBias)
      feedForwardBiases = try biases([layer.gate, layer.up, layer.down], configuration.feedForwardBias)
    }

    var bytes: Int { [query, key, value, output, gate, up, down].reduce(0) { $0 + $1.bytes } }

    /// `x` `[T, hidden]` → `[T, hidden]`.
    func callAsFunction(
      _ x: Tensor, index: Int, _ configuration: LlamaConfiguration, memory: inout (some AttentionMemory & ~Copyable)
    ) throws(MemoryError) -> Tensor {
      let (queries, keys, values) = x.rmsNormalised(gain: attentionNorm, epsilon: configuration.normEpsilon)
        .multiplied(by: query, key, value, biases: Array(attentionBiases.prefix(3)))
      let attended = try memory.attend(
        queries, adding: NewEntries(keys: keys, values: values, outputProjection: output), layer: index,
        scale: 1 / Float(configuration.headWidth).squareRoot())
      let y = x + attended.multiplied(by: output, bias: attentionBiases[3])
      let (gates, ups) = y.rmsNormalised(gain: feedForwardNorm, epsilon: configuration.normEpsilon)
        .multiplied(by: gate, up, biases: Array(feedForwardBiases.prefix(2)))
      return y + gates.siluGating(ups).multiplied(by: down, bias: feedForwardBiases[2])
    }
  }

  /// The registry's line.
  public static let entry = ArchitectureEntry(
    name: "llama", summary: "Llama 2 and 3, SmolLM2, TinyLlama: MHA, GQA or MQA, rotary positions, SwiGLU",
    describe: { checkpoint throws(ModelError) in try LlamaConfiguration(checkpoint).summary },
    make: { checkpoint, exact, processor, progress throws(ModelError) in
      try Llama(checkpoint, exact: exact, processor: processor, progress: progress)
    })
}

extension LlamaConfiguration {
  /// A store for every layer.
  public var layout: CacheLayout {
    CacheLayout(
      layers: layers,
      each: StoreLayout(
        heads: keyValueHeads, keyWidth: headWidth, values: .stored(width: headWidth), rotary: rotary))
  }

  /// What tools show of a model.
  var summary: ModelDescription {
    ModelDescription(
      architecture: Llama.entry.name, layout: layout, queryHeads: heads, hiddenWidth: hiddenWidth,
      feedForwardWidth: feedForwardWidth, vocabulary: vocabulary, contextLength: contextLength,
      tiedEmbeddings: tiedEmbeddings, innerParameters: innerParameters)
  }
}
