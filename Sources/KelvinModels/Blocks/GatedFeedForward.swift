import KelvinTensors

/// The feed-forward part of a layer, or one expert of it: `down(silu(gate(x)) · up(x))`.
struct GatedFeedForward: Sendable {
  let gate, up, down: Weight

  var bytes: Int { gate.bytes + up.bytes + down.bytes }

  /// `x` `[T, hidden]` → `[T, hidden]`.
  func callAsFunction(_ x: Tensor) -> Tensor {
    let (gates, ups) = x.multiplied(by: gate, up)
    return gates.siluGating(ups).multiplied(by: down)
  }
}
