public import KelvinTensors

extension DecoderConfiguration {
  /// Checks that `checkpoint` has every tensor of this model, in its exact shape, and none that the model would ignore.
  /// - Throws: `ModelError`, for the first tensor in the order of the computation.
  public func validate(_ checkpoint: Checkpoint) throws(ModelError) {
    try checkpoint.requireExactly(expectedTensors, of: architecture) { name in
      (tiedEmbeddings && name == names.head) || names.isDerived(name)
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

  private var expectedTensors: [Expected] {
    let table = Expected(names.embedding, Size(vocabulary, "vocabulary"), hidden)
    var expected = [table]
    if sinkTokens > 0 { expected.append(Expected(names.sinks, Size(sinkTokens, "learned sinks"), hidden)) }
    if hasPositionEmbedding { expected.append(Expected(names.positions, Size(contextLength, "positions"), hidden)) }
    for layer in 0..<layers {
      for part in LayerPart.allCases where parts.contains(part) { expected += expectedTensors(part, layer: layer) }
    }
    expected.append(Expected(names.finalNorm, hidden))
    if norm == .layer { expected.append(Expected(names.bias(of: names.finalNorm), hidden)) }
    if !tiedEmbeddings { expected.append(Expected(names.head, Size(vocabulary, "vocabulary"), hidden)) }
    return expected
  }

  /// A part of a layer and its bias.
  private func expectedTensors(_ part: LayerPart, layer: Int) -> [Expected] {
    let name = names.name(part, layer: layer)
    let (rows, columns) = size(of: part, layer: layer)
    let bias = biases.contains(part) ? [Expected(names.bias(of: name), rows)] : []
    guard let columns else { return [Expected(name, rows)] + bias }
    return [isTransposed ? Expected(name, columns, rows) : Expected(name, rows, columns)] + bias
  }

  /// Outputs and inputs of a matrix; the width of a norm.
  private func size(of part: LayerPart, layer: Int) -> (rows: Size, columns: Size?) {
    let queries = Size(heads * headWidth, "\(heads) heads of \(headWidth)")
    let shared = keyValueHeads[layer]
    let keys = Size(shared * headWidth, "\(shared) KV heads of \(headWidth)")
    let all = Size((heads + 2 * shared) * headWidth, "\(heads) + 2 · \(shared) heads of \(headWidth)")
    let head = Size(headWidth, "head width")
    let inner = Size(feedForwardWidth, "feed-forward width")
    return switch part {
    case .attentionNorm, .feedForwardNorm, .afterAttentionNorm, .afterFeedForwardNorm: (hidden, nil)
    case .query: (queries, hidden)
    case .key, .value: (keys, hidden)
    case .queryKeyValue: (all, hidden)
    case .queryNorm: (normsHeadsTogether ? queries : head, nil)
    case .keyNorm: (normsHeadsTogether ? keys : head, nil)
    case .output: (hidden, queries)
    case .gate, .up: (inner, hidden)
    case .gateUp: (Size(2 * feedForwardWidth, "2 · feed-forward width"), hidden)
    case .down: (hidden, inner)
    }
  }
}
