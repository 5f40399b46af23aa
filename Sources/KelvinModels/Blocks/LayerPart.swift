/// The tensors that a decoder layer may have, in the order of the computation; which of them it has makes a family.
public enum LayerPart: Sendable, Hashable, CaseIterable {
  case attentionNorm
  /// The projections of attention; one tensor may hold the first three, one below the other.
  case query, key, value, queryKeyValue, output
  /// Norms of queries and keys, head by head or all heads together.
  case queryNorm, keyNorm
  /// What attention adds is normalised before it is added.
  case afterAttentionNorm
  case feedForwardNorm
  /// The projections of the feed-forward part; one tensor may hold the first two. Without a gate it is plain.
  case gate, up, gateUp, down
  /// What the feed-forward part adds is normalised before it is added.
  case afterFeedForwardNorm

  /// Whether it is the gain of a norm.
  var isNorm: Bool {
    switch self {
    case .attentionNorm, .queryNorm, .keyNorm, .afterAttentionNorm, .feedForwardNorm, .afterFeedForwardNorm: true
    case .query, .key, .value, .queryKeyValue, .output, .gate, .up, .gateUp, .down: false
    }
  }
}

extension Set<LayerPart> {
  /// The parts of a plain decoder: norms in front, a gated feed-forward part.
  static var usual: Self {
    [.attentionNorm, .query, .key, .value, .output, .feedForwardNorm, .gate, .up, .down]
  }
}
