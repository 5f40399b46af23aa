import KelvinAttention
import KelvinTensors

/// Multi-head latent attention (MLA, arXiv 2405.04434 §2.1).
///
/// A token's keys and values are one latent `c = norm(W_DKV h)` and one key `W_KR h` that carries the position of all heads;
/// only these are remembered. Heads make their keys and values out of the latent. Queries may pass through a latent of
/// their own.
struct LatentAttention: Sendable {
  /// How queries come about.
  enum Queries: Sendable {
    /// `W_Q h`.
    case plain(Weight)
    /// `W_UQ norm(W_DQ h)`.
    case latent(down: Weight, gain: ContiguousArray<Float>, up: Weight)
  }

  /// What is added under the root of the norms of latents, whatever other norms of the model add.
  static let epsilon: Float = 1e-6

  let index: Int
  let scale: Float
  let queries: Queries
  /// `W_DKV` and below it `W_KR`: `[Dc + Dr, hidden]`.
  let down: Weight
  /// `nil`: latents are not normalised.
  let gain: ContiguousArray<Float>?
  let projections: LatentUpProjections
  let output: Weight

  var bytes: Int {
    let queryBytes =
      switch queries {
      case .plain(let weight): weight.bytes
      case .latent(let down, _, let up): down.bytes + up.bytes
      }
    return queryBytes + down.bytes + projections.bytes + output.bytes
  }

  /// `x` `[T, hidden]` → `[T, hidden]`.
  func callAsFunction(_ x: Tensor, memory: inout (some AttentionMemory & ~Copyable)) throws(MemoryError) -> Tensor {
    let (queries, latents) = projected(x)
    let entries = NewEntries(keys: normalised(latents), values: nil, projections: projections)
    return try memory.attend(queries, adding: entries, layer: index, scale: scale).multiplied(by: output)
  }

  private func projected(_ x: Tensor) -> (queries: Tensor, latents: Tensor) {
    switch queries {
    case .plain(let weight): return x.multiplied(by: weight, down)
    case .latent(let queryDown, let gain, let up):
      let (latentQueries, latents) = x.multiplied(by: queryDown, down)
      return (latentQueries.rmsNormalised(gain: gain, epsilon: Self.epsilon).multiplied(by: up), latents)
    }
  }

  /// `[T, Dc + Dr]` with the first `Dc` columns normalised.
  private func normalised(_ latents: Tensor) -> Tensor {
    guard let gain else { return latents }
    let width = latents.columns
    let result = latents[rows: 0..<latents.rows]
    let normalised = latents.columns(0..<gain.count, ofEach: width).rmsNormalised(gain: gain, epsilon: Self.epsilon)
    result.write(normalised, columns: gain.count, at: 0, ofEach: width)
    return result
  }
}
