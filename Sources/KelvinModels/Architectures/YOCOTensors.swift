public import KelvinTensors

/// What the tensors of a YOCO are called: the names of flash-linear-attention.
enum YOCOTensorNames {
  static let embedding = "model.embeddings.weight"
  static let finalNorm = "model.norm.weight"
  static let head = "lm_head.weight"
  static let sharedNorm = "model.shared_kv_builder.kv_norm.weight"
  static let sharedKey = "model.shared_kv_builder.k_proj.weight"
  static let sharedValue = "model.shared_kv_builder.v_proj.weight"

  /// What the names of a layer's tensors begin with.
  static func selfLayer(_ index: Int) -> String { "model.self_layers.\(index)." }
  static func crossLayer(_ index: Int) -> String { "model.cross_layers.\(index)." }

  static let mixerNorm = "attn_norm.weight"
  static let query = "attn.q_proj.weight"
  static let key = "attn.k_proj.weight"
  static let value = "attn.v_proj.weight"
  static let output = "attn.o_proj.weight"
  /// Of gated retention: the gate of the output, and the decays.
  static let outputGate = "attn.g_proj.weight"
  static let decay = "attn.gk_proj.weight"
  static let feedForwardNorm = "mlp_norm.weight"
  static let gate = "mlp.gate_proj.weight"
  static let up = "mlp.up_proj.weight"
  static let down = "mlp.down_proj.weight"
}

extension YOCOConfiguration {
  private typealias Names = YOCOTensorNames

  /// Checks that `checkpoint` has every tensor of this model, in its exact shape, and none that the model would ignore.
  /// - Throws: `ModelError`, for the first tensor in the order of the computation.
  public func validate(_ checkpoint: Checkpoint) throws(ModelError) {
    try checkpoint.requireExactly(expectedTensors, of: YOCO.entry.names[0]) { name in
      (tiedEmbeddings && name == Names.head) || name.hasSuffix(".rotary_emb.inv_freq")
    }
  }

  /// Numbers in all tensors besides the embedding and the output head.
  ///
  /// The limits of the sizes keep the sum in range.
  var innerParameters: Int {
    expectedTensors.filter { $0.name != Names.embedding && $0.name != Names.head }.reduce(0) { $0 + $1.count }
  }

  private var hidden: ExpectedTensor.Dimension { .init(hiddenWidth, "hidden width") }

  private var expectedTensors: [ExpectedTensor] {
    let table = ExpectedTensor(Names.embedding, .init(vocabulary, "vocabulary"), hidden)
    let shared = keys(crossHeads)
    var expected = [table]
    for layer in 0..<selfLayers { expected += selfTensors(Names.selfLayer(layer)) }
    expected.append(ExpectedTensor(Names.sharedNorm, hidden))
    expected += [Names.sharedKey, Names.sharedValue].map { ExpectedTensor($0, shared, hidden) }
    for layer in 0..<layers - selfLayers { expected += crossTensors(Names.crossLayer(layer)) }
    expected.append(ExpectedTensor(Names.finalNorm, hidden))
    if !tiedEmbeddings {
      expected.append(ExpectedTensor(Names.head, .init(vocabulary, "vocabulary"), hidden))
    }
    return expected
  }

  private func keys(_ heads: Heads) -> ExpectedTensor.Dimension {
    .init(heads.keyValues * heads.width, "\(heads.keyValues) KV heads of \(heads.width)")
  }

  private func queries(_ heads: Heads) -> ExpectedTensor.Dimension {
    .init(heads.queries * heads.width, "\(heads.queries) heads of \(heads.width)")
  }

  private func selfTensors(_ layer: String) -> [ExpectedTensor] {
    var mixer = [
      ExpectedTensor(layer + Names.query, queries(selfHeads), hidden),
      ExpectedTensor(layer + Names.key, keys(selfHeads), hidden),
      ExpectedTensor(layer + Names.value, keys(selfHeads), hidden),
      ExpectedTensor(layer + Names.output, hidden, queries(selfHeads)),
    ]
    if case .gatedRetention = selfDecoder {
      mixer.append(ExpectedTensor(layer + Names.outputGate, queries(selfHeads), hidden))
      mixer.append(ExpectedTensor(layer + Names.decay, .init(selfHeads.queries, "heads"), hidden))
    }
    return [ExpectedTensor(layer + Names.mixerNorm, hidden)] + mixer + feedForwardTensors(layer)
  }

  private func crossTensors(_ layer: String) -> [ExpectedTensor] {
    [
      ExpectedTensor(layer + Names.mixerNorm, hidden),
      ExpectedTensor(layer + Names.query, queries(crossHeads), hidden),
      ExpectedTensor(layer + Names.output, hidden, queries(crossHeads)),
    ] + feedForwardTensors(layer)
  }

  private func feedForwardTensors(_ layer: String) -> [ExpectedTensor] {
    let inner = ExpectedTensor.Dimension(feedForwardWidth, "feed-forward width")
    return [
      ExpectedTensor(layer + Names.feedForwardNorm, hidden), ExpectedTensor(layer + Names.gate, inner, hidden),
      ExpectedTensor(layer + Names.up, inner, hidden), ExpectedTensor(layer + Names.down, hidden, inner),
    ]
  }
}
