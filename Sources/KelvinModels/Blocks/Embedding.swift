import KelvinTensors

/// The embeddings of tokens, and of the learned sinks that may stand before a sequence's first token.
///
/// Source: a learned sink takes the attention that would go to the first tokens (StreamingLLM, arXiv 2309.17453 §3.3).
struct Embedding: Sendable {
  /// `[V, hidden]`.
  let tokens: Weight
  /// `[sinks, hidden]`; their ids follow the vocabulary.
  let sinks: Weight?

  var bytes: Int { tokens.bytes + (sinks?.bytes ?? 0) }

  /// The ids of the sinks.
  var leadingTokens: [Int32] { (0..<(sinks?.rows ?? 0)).map { Int32(tokens.rows + $0) } }

  /// The rows of a pass; sinks only stand at its beginning.
  func rows(of ids: [Int32], on processor: Processor) -> Tensor {
    let leading = ids.prefix { Int($0) >= tokens.rows }
    guard let sinks, !leading.isEmpty else { return tokens.rows(of: ids, on: processor) }
    return processor.joined([
      sinks.rows(of: leading.map { $0 - Int32(tokens.rows) }, on: processor),
      tokens.rows(of: Array(ids.dropFirst(leading.count)), on: processor),
    ])
  }
}
