public import KelvinTensors

/// What the tensors of a Llama are called in a file.
public struct LlamaTensorNames: Sendable, Hashable {
  /// The weights of one layer; see `bias(of:)` for their biases.
  public struct Layer: Sendable, Hashable {
    public var attentionNorm, query, key, value, output: String
    public var feedForwardNorm, gate, up, down: String
  }

  /// Whose names these are.
  public let style: Checkpoint.Style
  public let embedding, finalNorm: String
  /// The output head, where it is not the embedding.
  public let head: String

  /// The names of a checkpoint of `style`.
  public init(_ style: Checkpoint.Style) {
    self.style = style
    switch style {
    case .gguf:
      embedding = "token_embd.weight"
      finalNorm = "output_norm.weight"
      head = "output.weight"
    case .huggingFace:
      embedding = "model.embed_tokens.weight"
      finalNorm = "model.norm.weight"
      head = "lm_head.weight"
    }
  }

  /// The names of layer `index`, counted from 0.
  public func layer(_ index: Int) -> Layer {
    switch style {
    case .gguf:
      let start = "blk.\(index)."
      return Layer(
        attentionNorm: start + "attn_norm.weight", query: start + "attn_q.weight", key: start + "attn_k.weight",
        value: start + "attn_v.weight", output: start + "attn_output.weight",
        feedForwardNorm: start + "ffn_norm.weight", gate: start + "ffn_gate.weight", up: start + "ffn_up.weight",
        down: start + "ffn_down.weight")
    case .huggingFace:
      let start = "model.layers.\(index)."
      let attention = start + "self_attn."
      return Layer(
        attentionNorm: start + "input_layernorm.weight", query: attention + "q_proj.weight",
        key: attention + "k_proj.weight", value: attention + "v_proj.weight", output: attention + "o_proj.weight",
        feedForwardNorm: start + "post_attention_layernorm.weight", gate: start + "mlp.gate_proj.weight",
        up: start + "mlp.up_proj.weight", down: start + "mlp.down_proj.weight")
    }
  }

  /// The name of the bias that belongs to the weight named `weight`.
  public func bias(of weight: String) -> String { String(weight.dropLast("weight".count)) + "bias" }

  /// Whether a tensor may be there without being used: tables that follow from the configuration.
  func isDerived(_ tensor: String) -> Bool {
    switch style {
    case .gguf: tensor == "rope_freqs.weight" || tensor.hasSuffix(".attn_rot_embd.weight")
    case .huggingFace: tensor.hasSuffix(".rotary_emb.inv_freq")
    }
  }
}

extension LlamaConfiguration {
  /// What this model's tensors are called.
  public var names: LlamaTensorNames { LlamaTensorNames(style) }

  /// Checks that `checkpoint` has every tensor of this model, in its exact shape, and none that the model would ignore.
  /// - Throws: `ModelError`, for the first tensor in the order of the computation.
  public func validate(_ checkpoint: Checkpoint) throws(ModelError) {
    var known: Set<String> = tiedEmbeddings ? [names.head] : []
    for expected in expectedTensors {
      known.insert(expected.name)
      guard let tensor = checkpoint.tensors[expected.name] else {
        if let type = checkpoint.otherTensors[expected.name] {
          throw .unreadableTensor(model: checkpoint.name, tensor: expected.name, found: type)
        }
        throw .missingTensor(model: checkpoint.name, tensor: expected.name)
      }
      guard tensor.shape == expected.shape else {
        throw .wrongShape(
          model: checkpoint.name, tensor: expected.name, found: tensor.shape, expected: expected.shape,
          meaning: expected.meaning)
      }
    }
    let unknown = checkpoint.tensors.keys.filter { !known.contains($0) && !names.isDerived($0) }
    if let tensor = unknown.min() {
      throw .unknownTensor(model: checkpoint.name, tensor: tensor, architecture: "llama")
    }
  }

  /// Numbers in all tensors besides the embedding and the output head.
  ///
  /// The limits of the sizes keep the sum in range.
  var innerParameters: Int {
    expectedTensors.filter { $0.name != names.embedding && $0.name != names.head }
      .reduce(0) { $0 + $1.shape.reduce(1, *) }
  }

  /// A tensor that must be there; `meaning` says in words what its shape is.
  private struct Expected {
    var name: String
    var shape: [Int]
    var meaning: String
  }

  private var expectedTensors: [Expected] {
    let vocabularyRows = "vocabulary × hidden width"
    var expected = [Expected(name: names.embedding, shape: [vocabulary, hiddenWidth], meaning: vocabularyRows)]
    for layer in 0..<layers { expected += expectedTensors(layer: layer) }
    expected.append(Expected(name: names.finalNorm, shape: [hiddenWidth], meaning: "hidden width"))
    if !tiedEmbeddings {
      expected.append(Expected(name: names.head, shape: [vocabulary, hiddenWidth], meaning: vocabularyRows))
    }
    return expected
  }

  private func expectedTensors(layer index: Int) -> [Expected] {
    let layer = names.layer(index)
    let queries = (width: heads * headWidth, meaning: "\(heads) heads of \(headWidth)")
    let keys = (width: keyValueHeads * headWidth, meaning: "\(keyValueHeads) KV heads of \(headWidth)")
    let hidden = (width: hiddenWidth, meaning: "hidden width")
    let inner = (width: feedForwardWidth, meaning: "feed-forward width")
    func matrix(
      _ name: String, _ rows: (width: Int, meaning: String), _ columns: (width: Int, meaning: String), bias: Bool
    ) -> [Expected] {
      let weight = Expected(
        name: name, shape: [rows.width, columns.width], meaning: "\(rows.meaning) × \(columns.meaning)")
      return bias
        ? [weight, Expected(name: names.bias(of: name), shape: [rows.width], meaning: rows.meaning)] : [weight]
    }
    return [Expected(name: layer.attentionNorm, shape: [hiddenWidth], meaning: hidden.meaning)]
      + matrix(layer.query, queries, hidden, bias: attentionBias)
      + matrix(layer.key, keys, hidden, bias: attentionBias)
      + matrix(layer.value, keys, hidden, bias: attentionBias)
      + matrix(layer.output, hidden, queries, bias: attentionBias)
      + [Expected(name: layer.feedForwardNorm, shape: [hiddenWidth], meaning: hidden.meaning)]
      + matrix(layer.gate, inner, hidden, bias: feedForwardBias)
      + matrix(layer.up, inner, hidden, bias: feedForwardBias)
      + matrix(layer.down, hidden, inner, bias: feedForwardBias)
  }
}
