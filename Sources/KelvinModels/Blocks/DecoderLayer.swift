import KelvinAttention
import KelvinTensors

/// One decoder layer: attention and feed-forward, each beside a residual.
struct DecoderLayer: Sendable {
  let index: Int
  let attentionScale: Float
  let activation: DecoderConfiguration.Activation
  let attentionNorm, feedForwardNorm: Norm
  let query, key, value, output: Projection
  let gate, up, down: Projection

  init(_ reader: WeightReader, _ configuration: DecoderConfiguration, index: Int) throws(ModelError) {
    self.index = index
    attentionScale = configuration.attentionScale
    activation = configuration.activation
    let parts = LayerReader(reader: reader, configuration: configuration, layer: index)
    attentionNorm = try parts.norm(.attentionNorm)
    query = try parts.projection(.query)
    key = try parts.projection(.key)
    value = try parts.projection(.value)
    output = try parts.projection(.output)
    feedForwardNorm = try parts.norm(.feedForwardNorm)
    gate = try parts.projection(.gate)
    up = try parts.projection(.up)
    down = try parts.projection(.down)
  }

  var bytes: Int { [query, key, value, output, gate, up, down].reduce(0) { $0 + $1.weight.bytes } }

  /// `x` `[T, hidden]` → `[T, hidden]`.
  func callAsFunction(_ x: Tensor, memory: inout (some AttentionMemory & ~Copyable)) throws(MemoryError) -> Tensor {
    let y = x + (try attention(attentionNorm(x), memory: &memory))
    return y + feedForward(feedForwardNorm(y))
  }

  private func attention(
    _ x: Tensor, memory: inout (some AttentionMemory & ~Copyable)
  ) throws(MemoryError) -> Tensor {
    let (queries, keys, values) = x.multiplied(
      by: query.weight, key.weight, value.weight, biases: [query.bias, key.bias, value.bias])
    let attended = try memory.attend(
      queries, adding: NewEntries(keys: keys, values: values, outputProjection: output), layer: index, scale: attentionScale)
    return output(attended)
  }

  private func feedForward(_ x: Tensor) -> Tensor {
    let (gates, ups) = x.multiplied(by: gate.weight, up.weight, biases: [gate.bias, up.bias])
    return down(activation.gating(gates, ups))
  }
}

/// A matrix with the bias that it may have.
struct Projection: Sendable {
  let weight: Weight
  let bias: ContiguousArray<Float>?

  /// `x` `[T, columns]` → `[T, rows]`.
  func callAsFunction(_ x: Tensor) -> Tensor { x.multiplied(by: weight, bias: bias) }
}

/// Takes the parts of one layer out of a checkpoint.
struct LayerReader {
  let reader: WeightReader
  let configuration: DecoderConfiguration
  let layer: Int

  func projection(_ part: LayerPart) throws(ModelError) -> Projection {
    Projection(weight: try reader.weight(name(part)), bias: try bias(part))
  }

  func norm(_ part: LayerPart) throws(ModelError) -> Norm {
    Norm(gain: try reader.vector(name(part)), epsilon: configuration.normEpsilon)
  }

  private func bias(_ part: LayerPart) throws(ModelError) -> ContiguousArray<Float>? {
    guard configuration.biases.contains(part) else { return nil }
    return try reader.vector(configuration.names.bias(of: name(part)))
  }

  private func name(_ part: LayerPart) -> String { configuration.names.name(part, layer: layer) }
}

extension DecoderConfiguration.Activation {
  /// `f(gates) · ups`.
  func gating(_ gates: Tensor, _ ups: Tensor) -> Tensor {
    switch self {
    case .silu: gates.siluGating(ups)
    }
  }
}
