public import KelvinTensors

/// What the tensors of a DeepSeek are called in a file.
struct DeepSeekTensorNames: Sendable {
  /// The tensors that a layer may have.
  enum Part: CaseIterable, Sendable {
    case attentionNorm, query, queryDown, queryNorm, queryUp, latentDown, latentNorm, keyValueUp, keyUp, valueUp, output
    case feedForwardNorm, gate, up, down
    case router, correction, expertGate, expertUp, expertDown, sharedGate, sharedUp, sharedDown
  }

  let style: Checkpoint.Style
  let embedding, finalNorm: String
  /// The output head, where it is not the embedding.
  let head: String
  private let layers: String
  private let parts: [Part: String]

  init(_ style: Checkpoint.Style) {
    self.style = style
    switch style {
    case .gguf:
      (embedding, finalNorm, head, layers) = ("token_embd.weight", "output_norm.weight", "output.weight", "blk.")
      parts = [
        .attentionNorm: "attn_norm", .query: "attn_q", .queryDown: "attn_q_a", .queryNorm: "attn_q_a_norm",
        .queryUp: "attn_q_b", .latentDown: "attn_kv_a_mqa", .latentNorm: "attn_kv_a_norm", .keyValueUp: "attn_kv_b",
        .keyUp: "attn_k_b", .valueUp: "attn_v_b", .output: "attn_output", .feedForwardNorm: "ffn_norm",
        .gate: "ffn_gate", .up: "ffn_up", .down: "ffn_down", .router: "ffn_gate_inp", .correction: "exp_probs_b.bias",
        .expertGate: "ffn_gate_exps", .expertUp: "ffn_up_exps", .expertDown: "ffn_down_exps",
        .sharedGate: "ffn_gate_shexp", .sharedUp: "ffn_up_shexp", .sharedDown: "ffn_down_shexp",
      ]
    case .huggingFace:
      (embedding, finalNorm) = ("model.embed_tokens.weight", "model.norm.weight")
      (head, layers) = ("lm_head.weight", "model.layers.")
      let (attention, experts, shared) = ("self_attn.", "mlp.experts.*.", "mlp.shared_experts.")
      parts = [
        .attentionNorm: "input_layernorm", .query: attention + "q_proj", .queryDown: attention + "q_a_proj",
        .queryNorm: attention + "q_a_layernorm", .queryUp: attention + "q_b_proj",
        .latentDown: attention + "kv_a_proj_with_mqa", .latentNorm: attention + "kv_a_layernorm",
        .keyValueUp: attention + "kv_b_proj", .output: attention + "o_proj",
        .feedForwardNorm: "post_attention_layernorm", .gate: "mlp.gate_proj", .up: "mlp.up_proj",
        .down: "mlp.down_proj", .router: "mlp.gate", .correction: "mlp.gate.e_score_correction_bias",
        .expertGate: experts + "gate_proj", .expertUp: experts + "up_proj", .expertDown: experts + "down_proj",
        .sharedGate: shared + "gate_proj", .sharedUp: shared + "up_proj", .sharedDown: shared + "down_proj",
      ]
    }
  }

  /// The name of a part of layer `layer`, counted from 0; of a Hugging Face file's expert number `expert`.
  func name(_ part: Part, layer: Int, expert: Int = 0) -> String {
    let name = (parts[part] ?? "").replacing("*", with: String(expert))
    return "\(layers)\(layer).\(name)" + (part == .correction ? "" : ".weight")
  }

  /// Whether a tensor may be there without being used: what follows from the configuration, and layers behind the last.
  func isUnused(_ tensor: String, layers count: Int, extraLayers: Int) -> Bool {
    tensor.hasSuffix(".rotary_emb.inv_freq")
      || (count..<count + extraLayers).contains { tensor.hasPrefix("\(layers)\($0).") }
  }
}

extension DeepSeekConfiguration {
  /// What this model's tensors are called.
  var names: DeepSeekTensorNames { DeepSeekTensorNames(style) }

  /// Checks that `checkpoint` has every tensor of this model, in its exact shape, and none that the model would ignore.
  /// - Throws: `ModelError`, for the first tensor in the order of the computation.
  public func validate(_ checkpoint: Checkpoint) throws(ModelError) {
    try checkpoint.requireExactly(expectedTensors, of: DeepSeek.entry.names[0]) { name in
      (tiedEmbeddings && name == names.head) || names.isUnused(name, layers: layers, extraLayers: extraLayers)
    }
  }

  /// Numbers in all tensors besides the embedding and the output head.
  ///
  /// The limits of the sizes keep the sum in range.
  var innerParameters: Int {
    expectedTensors.filter { $0.name != names.embedding && $0.name != names.head }
      .reduce(0) { $0 + $1.count }
  }

  private typealias Expected = ExpectedTensor
  private typealias Size = ExpectedTensor.Dimension

  private var hidden: Size { Size(hiddenWidth, "hidden width") }
  private var latent: Size { Size(latentWidth, "latent width") }

  private var expectedTensors: [Expected] {
    let table = Size(vocabulary, "vocabulary")
    return [Expected(names.embedding, table, hidden)] + (0..<layers).flatMap { expectedTensors(layer: $0) }
      + [Expected(names.finalNorm, hidden)] + (tiedEmbeddings ? [] : [Expected(names.head, table, hidden)])
  }

  private func expectedTensors(layer: Int) -> [Expected] {
    func name(_ part: DeepSeekTensorNames.Part) -> String { names.name(part, layer: layer) }
    let turned = Size(latentWidth + rotaryWidth, "latent of \(latentWidth) and \(rotaryWidth) turned channels")
    var expected = [Expected(name(.attentionNorm), hidden)] + queryTensors(layer: layer)
    expected.append(Expected(name(.latentDown), turned, hidden))
    if normalisesLatents { expected.append(Expected(name(.latentNorm), latent)) }
    let count = Size(heads, "heads")
    if splitsUpProjections {
      expected.append(Expected(name(.keyUp), count, latent, Size(plainWidth, "unturned channels")))
      expected.append(Expected(name(.valueUp), count, Size(valueWidth, "value width"), latent))
    } else {
      let rows = Size(heads * (plainWidth + valueWidth), "\(heads) heads of \(plainWidth) and \(valueWidth)")
      expected.append(Expected(name(.keyValueUp), rows, latent))
    }
    expected.append(Expected(name(.output), hidden, Size(heads * valueWidth, "\(heads) heads of \(valueWidth)")))
    expected.append(Expected(name(.feedForwardNorm), hidden))
    return expected + (hasExperts(layer) ? expertTensors(layer: layer) : denseTensors(layer: layer))
  }

  private func queryTensors(layer: Int) -> [Expected] {
    let rows = Size(heads * headWidth, "\(heads) heads of \(headWidth)")
    guard let queryLatentWidth else { return [Expected(names.name(.query, layer: layer), rows, hidden)] }
    let latent = Size(queryLatentWidth, "latent width of queries")
    return [
      Expected(names.name(.queryDown, layer: layer), latent, hidden),
      Expected(names.name(.queryNorm, layer: layer), latent),
      Expected(names.name(.queryUp, layer: layer), rows, latent),
    ]
  }

  private func denseTensors(layer: Int) -> [Expected] {
    matrices(.gate, .up, .down, width: Size(feedForwardWidth, "feed-forward width"), layer: layer)
  }

  private func expertTensors(layer: Int) -> [Expected] {
    guard let experts else { return [] }
    let count = Size(experts.routing.experts, "experts")
    let width = Size(experts.width, "width of an expert")
    var expected = [Expected(names.name(.router, layer: layer), count, hidden)]
    if experts.routing.hasCorrection { expected.append(Expected(names.name(.correction, layer: layer), count)) }
    switch style {
    case .gguf:
      expected.append(Expected(names.name(.expertGate, layer: layer), count, width, hidden))
      expected.append(Expected(names.name(.expertUp, layer: layer), count, width, hidden))
      expected.append(Expected(names.name(.expertDown, layer: layer), count, hidden, width))
    case .huggingFace:
      for expert in 0..<count.count {
        expected += matrices(.expertGate, .expertUp, .expertDown, width: width, layer: layer, expert: expert)
      }
    }
    guard let shared = experts.sharedWidth else { return expected }
    let sharedWidth = Size(shared, "width of the shared experts")
    return expected + matrices(.sharedGate, .sharedUp, .sharedDown, width: sharedWidth, layer: layer)
  }

  /// The matrices of a feed-forward part.
  private func matrices(
    _ gate: DeepSeekTensorNames.Part, _ up: DeepSeekTensorNames.Part, _ down: DeepSeekTensorNames.Part, width: Size,
    layer: Int, expert: Int = 0
  ) -> [Expected] {
    [
      Expected(names.name(gate, layer: layer, expert: expert), width, hidden),
      Expected(names.name(up, layer: layer, expert: expert), width, hidden),
      Expected(names.name(down, layer: layer, expert: expert), hidden, width),
    ]
  }
}
