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

  private let checkpoint: Checkpoint
  private let configuration: DecoderConfiguration
  /// How queries and keys are turned.
  let rotary: Rotary

  var model: String { checkpoint.name }
  var layers: Int { configuration.layers }
  var heads: Int { configuration.heads }
  var keyValueHeads: Int { configuration.keyValueHeads }
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
    guard configuration.biases.isEmpty else {
      throw .unsupported(
        model: checkpoint.name, key: "attention_bias", found: "true", supported: ["models without biases"])
    }
  }

  /// The configuration of the converted model, but for the widths of its heads.
  var metadata: [String: MetadataValue] {
    var metadata = checkpoint.style == .huggingFace ? checkpoint.metadata : [:]
    for key in ["num_key_value_heads", "head_dim", "rope_scaling", "rope_parameters", "kelvin.rotary_pairs"] {
      metadata[key] = nil
    }
    let sizes = [
      "num_hidden_layers": configuration.layers, "hidden_size": configuration.hiddenWidth,
      "num_attention_heads": configuration.heads, "intermediate_size": configuration.feedForwardWidth,
      "vocab_size": configuration.vocabulary, "max_position_embeddings": configuration.contextLength,
    ]
    for (key, size) in sizes { metadata[key] = .integer(size) }
    metadata["model_type"] = .string("deepseek_v3")
    metadata["architectures"] = .strings(["DeepseekV3ForCausalLM"])
    metadata["rms_norm_eps"] = .number(Double(configuration.normEpsilon))
    metadata["tie_word_embeddings"] = .bool(configuration.tiedEmbeddings)
    return metadata
  }

  /// The tensors that stay, by their Hugging Face names.
  var otherTensors: [String: StoredTensor] {
    let (old, new) = (configuration.names, DecoderTensorNames(.huggingFace))
    var names = [old.embedding: new.embedding, old.finalNorm: new.finalNorm]
    if !configuration.tiedEmbeddings { names[old.head] = new.head }
    for layer in 0..<layers {
      for part in [LayerPart.attentionNorm, .output, .feedForwardNorm, .gate, .up, .down] {
        names[old.name(part, layer: layer)] = new.name(part, layer: layer)
      }
    }
    return Dictionary(uniqueKeysWithValues: names.compactMap { old, new in checkpoint.tensors[old].map { (new, $0) } })
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
    let size = keysAndValues.rows
    var moments = ContiguousArray<Double>(repeating: 0, count: size * size)
    for row in 0..<size {
      for other in 0...row {
        var sum = 0.0
        for column in 0..<keysAndValues.columns {
          sum +=
            Double(keysAndValues.numbers[row * keysAndValues.columns + column])
            * Double(keysAndValues.numbers[other * keysAndValues.columns + column])
        }
        moments[row * size + other] = sum
        moments[other * size + row] = sum
      }
    }
    return LatentCalibration.Layer(
      queries: lengths(query, heads: source.heads), keys: lengths(keysAndValues, heads: source.keyValueHeads),
      moments: moments)
  }
}
