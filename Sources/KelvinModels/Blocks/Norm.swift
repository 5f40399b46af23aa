import KelvinTensors

/// A norm of the root mean square with its gain.
struct Norm: Sendable {
  let gain: ContiguousArray<Float>
  let epsilon: Float

  /// `x` `[T, n · gain]`, each stretch as wide as the gain normalised by itself.
  func callAsFunction(_ x: Tensor) -> Tensor { x.rmsNormalised(gain: gain, epsilon: epsilon) }
}
