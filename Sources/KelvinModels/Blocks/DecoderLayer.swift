import KelvinAttention
import KelvinTensors

/// One decoder layer: attention and feed-forward, each beside a residual.
///
/// It is a class because to take a value in hand is to retain each of its weights.
final class DecoderLayer: Sendable {
  let index: Int
  let attentionScale: Float
  let activation: DecoderConfiguration.Activation
  let headWidth: Int
  let merging: DMC?
  let attentionNorm, queryNorm, keyNorm, afterAttentionNorm: Norm?
  let query, key, value, output: Projection
  let feedForwardNorm, afterFeedForwardNorm: Norm?
  /// `nil`: the feed-forward part is plain.
  let gate: Projection?
  let up, down: Projection

  init(_ reader: WeightReader, _ configuration: DecoderConfiguration, index: Int) throws(ModelError) {
    self.index = index
    attentionScale = configuration.attentionScale
    activation = configuration.activation
    headWidth = configuration.headWidth
    merging = configuration.merging
    let parts = LayerReader(reader: reader, configuration: configuration, layer: index)
    attentionNorm = try parts.norm(.attentionNorm)
    queryNorm = try parts.norm(.queryNorm)
    keyNorm = try parts.norm(.keyNorm)
    afterAttentionNorm = try parts.norm(.afterAttentionNorm)
    (query, key, value) = try parts.queryKeyValue()
    output = try parts.projection(.output)
    feedForwardNorm = try parts.norm(.feedForwardNorm)
    afterFeedForwardNorm = try parts.norm(.afterFeedForwardNorm)
    (gate, up) = try parts.gateUp()
    down = try parts.projection(.down)
  }

  var bytes: Int { [query, key, value, output, gate, up, down].reduce(0) { $0 + ($1?.weight.bytes ?? 0) } }

  /// The matrices that the rows wanted meet alone.
  var weightsOfWantedRows: [Weight] { [output, gate, up, down].compactMap { $0?.weight } }

  /// `x` `[T, hidden]` → `[rows, hidden]`; all rows of `x` attend, since memory may observe it.
  func callAsFunction(
    _ x: Tensor, wanting rows: LogitRows = .all, memory: inout (some AttentionMemory & ~Copyable)
  ) throws(MemoryError) -> Tensor {
    let attended = try attended(attentionNorm(x), memory: &memory)
    let wanted = rows.range(of: x.rows)
    guard !wanted.isEmpty else { return x[rows: wanted] }
    let isWhole = wanted.count == x.rows
    let (x, mixed) = isWhole ? (x, attended) : (x[rows: wanted], attended[rows: wanted])
    let y = x + afterAttentionNorm(output(mixed))
    return y + afterFeedForwardNorm(feedForward(feedForwardNorm(y)))
  }

  /// What the heads of each row read, `[T, Hq·Dv]`.
  private func attended(
    _ x: Tensor, memory: inout (some AttentionMemory & ~Copyable)
  ) throws(MemoryError) -> Tensor {
    let (queries, keys, values) = x.multiplied(
      by: query.weight, key.weight, value.weight, biases: (query.bias, key.bias, value.bias))
    let (asked, stored) = (queryNorm(queries), keyNorm(keys))
    let gates = merging?.takeGates(from: asked, stored, headWidth: headWidth)
    return try memory.attend(
      asked, adding: NewEntries(keys: stored, values: values, gates: gates, outputProjection: output.weight),
      layer: index, scale: attentionScale)
  }

  private func feedForward(_ x: Tensor) -> Tensor {
    guard let gate else { return down(activation(up(x))) }
    let (gates, ups) = x.multiplied(by: gate.weight, up.weight, biases: (gate.bias, up.bias))
    return down(activation(gates, times: ups))
  }
}

extension DecoderConfiguration.Activation {
  /// `f(x)`; no family has a plain feed-forward part with SiLU.
  func callAsFunction(_ x: Tensor) -> Tensor {
    precondition(self == .gelu, "a plain feed-forward part with \(self)")
    return x.gelu()
  }

  /// `f(gates) · ups`.
  func callAsFunction(_ gates: Tensor, times ups: Tensor) -> Tensor {
    switch self {
    case .silu: gates.siluGating(ups)
    case .gelu: gates.geluGating(ups)
    }
  }
}
