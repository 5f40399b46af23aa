import KelvinAttention
import KelvinTensors

/// A Llama as a conversion to latent attention reads it.
struct GroupedSource {
  /// The projections of one layer.
  struct Weights {
    /// `[Hq·D, hidden]`.
    var query: Matrix
    /// Keys, then values, `[2·H·D, hidden]`.
    var keysAndValues: Matrix
  }

  let checkpoint: Checkpoint
  let configuration: DecoderConfiguration
  /// How queries and keys are turned.
  let rotary: Rotary

  var model: String { checkpoint.name }
  var layers: Int { configuration.layers }
  var heads: Int { configuration.heads }
  /// Of every layer: a DeepSeek has one width of latents and of turned channels for all.
  let keyValueHeads: Int
  var headWidth: Int { configuration.headWidth }

  init(_ checkpoint: Checkpoint) throws(ModelError) {
    self.checkpoint = checkpoint
    configuration = try DecoderFamily.llama.configuration(of: checkpoint)
    try configuration.validate(checkpoint)
    guard let rotary = configuration.rotary else {
      throw .unsupported(
        model: checkpoint.name, key: "rope", found: "none", supported: ["models with rotary positions"])
    }
    self.rotary = rotary
    let counts = Set(configuration.keyValueHeads)
    guard counts.count == 1, let count = counts.first else {
      throw .unsuitableRetrofit(
        model: checkpoint.name, option: "mla",
        found: "a model whose layers have \(counts.sorted().map(String.init).joined(separator: ", ")) KV heads",
        expected: "as many in every layer, which --kv-heads \(counts.min() ?? 1) makes")
    }
    keyValueHeads = count
    guard configuration.biases.isEmpty else {
      throw .unsupported(
        model: checkpoint.name, key: "attention_bias", found: "true", supported: ["models without biases"])
    }
    guard configuration.sinkTokens == 0, !configuration.hasZeroSink else {
      throw .unsupported(
        model: checkpoint.name, key: configuration.hasZeroSink ? "softmax_off_by_one" : "num_sink_tokens",
        found: "set", supported: ["models without sinks"])
    }
  }

  /// The tensors that stay; a DeepSeek has the same names for them.
  var otherTensors: [String: StoredTensor] {
    var names = [configuration.names.embedding, configuration.names.finalNorm]
    if !configuration.tiedEmbeddings { names.append(configuration.names.head) }
    for layer in 0..<layers {
      for part in [LayerPart.attentionNorm, .output, .feedForwardNorm, .gate, .up, .down] {
        names.append(configuration.names.name(part, layer: layer))
      }
    }
    return Dictionary(uniqueKeysWithValues: names.compactMap { name in checkpoint.tensors[name].map { (name, $0) } })
  }

  func weights(layer: Int) throws(ModelError) -> Weights {
    let query = try matrix(configuration.names.name(.query, layer: layer))
    let keys = try matrix(configuration.names.name(.key, layer: layer))
    let values = try matrix(configuration.names.name(.value, layer: layer))
    return Weights(query: query, keysAndValues: keys.stacked(on: values))
  }

  private func matrix(_ name: String) throws(ModelError) -> Matrix {
    guard let tensor = checkpoint.tensors[name] else { throw .missingTensor(model: model, tensor: name) }
    do {
      return Matrix(rows: tensor.shape[0], columns: tensor.shape[1], numbers: try tensor.floats())
    } catch {
      throw .unusableTensor(model: model, reason: error.description)
    }
  }
}

extension GroupedSource.Weights {
  /// What queries, keys and values are like where all inputs count alike.
  func calibration(_ source: GroupedSource) -> LatentCalibration.Layer {
    let pairs = source.rotary.channels(width: source.headWidth)
    func lengths(_ matrix: Matrix, heads: Int) -> ContiguousArray<Double> {
      ContiguousArray(
        (0..<heads).flatMap { head in
          pairs.map { a, b in
            [a, b].reduce(0.0) { sum, channel in
              matrix.row(head * source.headWidth + channel).reduce(sum) { $0 + Double($1) * Double($1) }
            }.squareRoot()
          }
        })
    }
    return LatentCalibration.Layer(
      queries: lengths(query, heads: source.heads), keys: lengths(keysAndValues, heads: source.keyValueHeads),
      moments: moments)
  }

  /// `W Wᵀ` of keys and values, up to the diagonal: the sums of `x xᵀ` where all inputs count alike.
  var moments: ContiguousArray<Double> {
    let (size, width) = (keysAndValues.rows, keysAndValues.columns)
    var moments = ContiguousArray<Double>(repeating: 0, count: size * size)
    for row in 0..<size {
      for other in 0...row {
        var sum = 0.0
        for column in 0..<width {
          let (x, y) = (keysAndValues.numbers[row * width + column], keysAndValues.numbers[other * width + column])
          sum += Double(x) * Double(y)
        }
        moments[row * size + other] = sum
      }
    }
    return moments
  }
}
