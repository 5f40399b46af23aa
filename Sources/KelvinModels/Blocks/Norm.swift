import KelvinTensors

/// A norm with its gain, and a bias where it is a layer norm.
struct Norm: Sendable {
  let gain: ContiguousArray<Float>
  /// `nil`: a norm of the root mean square.
  let bias: ContiguousArray<Float>?
  let offset, epsilon: Float

  init(_ reader: WeightReader, _ name: String, _ configuration: DecoderConfiguration) throws(ModelError) {
    gain = try reader.vector(name)
    epsilon = configuration.normEpsilon
    switch configuration.norm {
    case .rootMeanSquare(let offset): (bias, self.offset) = (nil, offset)
    case .layer: (bias, offset) = (try reader.vector(configuration.names.bias(of: name)), 0)
    }
  }

  /// `x` `[T, n · gain]`: each stretch as wide as the gain is normalised by itself.
  func callAsFunction(_ x: Tensor) -> Tensor {
    if let bias { return x.layerNormalised(gain: gain, bias: bias, epsilon: epsilon) }
    return x.rmsNormalised(gain: gain, offset: offset, epsilon: epsilon)
  }
}

extension Norm? {
  /// `x` where there is no norm.
  func callAsFunction(_ x: Tensor) -> Tensor { self?(x) ?? x }
}
