/// The tensors that a decoder layer may have, in the order of the computation; which of them it has makes a family.
public enum LayerPart: Sendable, Hashable, CaseIterable {
  case attentionNorm, query, key, value, output
  case feedForwardNorm, gate, up, down
}

extension Set<LayerPart> {
  /// The parts of a plain decoder: norms in front, a gated feed-forward part.
  static var usual: Self {
    [.attentionNorm, .query, .key, .value, .output, .feedForwardNorm, .gate, .up, .down]
  }
}
