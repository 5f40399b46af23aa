public import KelvinTensors

/// What one layer adds to its store in a pass.
public struct NewEntries {
  /// Keys without position, `[T, H·Dk]`.
  public var keys: Tensor
  /// Values `[T, H·Dv]`; `nil` where a value is a prefix of its key.
  public var values: Tensor?
  /// Where the store is gated, for each KV head a decision and a weight, `[T, H·2]`.
  ///
  /// Above 0 an entry is merged into the one before it; its weight is its part of the mean.
  public var gates: Tensor?
  /// Where keys are latents: how they become the keys and values of heads.
  public var projections: (any LatentProjections)?
  /// The layer's output projection `[hidden, Hq·Dv]`, for methods that ask how far a value moves the output.
  ///
  /// `nil`: they take the value itself.
  public var outputProjection: Weight?

  /// The entries of one pass through one layer.
  public init(
    keys: Tensor, values: Tensor?, gates: Tensor? = nil, projections: (any LatentProjections)? = nil,
    outputProjection: Weight? = nil
  ) {
    self.keys = keys
    self.values = values
    self.gates = gates
    self.projections = projections
    self.outputProjection = outputProjection
  }
}

/// The up-projections of latent attention (MLA, arXiv 2405.04434 §2.1), handed along with latents.
///
/// Memory chooses the cheaper of two equal forms: latents become keys and values (many queries), or queries become
/// queries of latents and what they mixed becomes values (few queries).
public protocol LatentProjections: Sendable {
  /// Query heads `Hq`.
  var heads: Int { get }
  /// Width of a head's value.
  var valueWidth: Int { get }
  /// Queries of heads `[T, Hq·(Dn + Dr)]`, turned, as queries of latents `[T, Hq·(Dc + Dr)]`.
  func absorbed(_ queries: Tensor) -> Tensor
  /// Mixed latents `[T, Hq·Dc]` as mixed values `[T, Hq·Dv]`.
  func values(ofMixed latents: Tensor) -> Tensor
  /// Latents `[N, Dc + Dr]`, turned, as keys `[N, Hq·(Dn + Dr)]` and values `[N, Hq·Dv]`.
  func expanded(_ latents: Tensor) -> (keys: Tensor, values: Tensor)
}

/// What a model remembers while it reads tokens: the one argument through which a layer attends.
///
/// Memory owns positions: queries and keys arrive unrotated, and no model computes a position or keeps an offset.
public protocol AttentionMemory: ~Copyable {
  /// The shape that the model asked for.
  var layout: CacheLayout { get }
  /// The rows of this pass that belong to each sequence.
  var segments: [Range<Int>] { get }
  /// The position of each row; read by learned position embeddings only.
  var positions: [Int32] { get }

  /// Adds `entries` to the layer's store (`nil`: the layer only reads), then attends.
  /// - Parameters:
  ///   - queries: `[T, Hq·Dk]`, without position: those of the last `T` positions of the pass.
  ///   - entries: what the layer adds, for all positions of the pass.
  ///   - layer: the layer that attends, from 0.
  ///   - scale: what dot products are multiplied by before the softmax.
  /// - Returns: `[T, Hq·Dv]`.
  /// - Throws: `MemoryError.poolExhausted` when the entries do not fit.
  mutating func attend(
    _ queries: Tensor, adding entries: NewEntries?, layer: Int, scale: Float
  ) throws(MemoryError) -> Tensor

  /// Folds keys and values into the state of a retention layer, row by row, and reads it with each row's query.
  ///
  ///     S_t = γ_t · S_{t−1} + k_tᵀ v_t,  o_t = q_t S_t
  ///
  /// - Parameters:
  ///   - queries: `[T, H·Dk]`, without position.
  ///   - keys: `[T, H·Dk]`, without position, scaled.
  ///   - values: `[T, H·Dv]`.
  ///   - logDecays: `[T, H]`, the logarithms of `γ`.
  ///   - layer: the retention layer, from 0.
  /// - Returns: `[T, H·Dv]`.
  /// - Throws: `MemoryError.poolExhausted` when states do not fit.
  mutating func retain(
    _ queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor, layer: Int
  ) throws(MemoryError) -> Tensor
}

/// Why memory refused to take more.
public enum MemoryError: Error, Hashable, CustomStringConvertible {
  /// The byte limit of the page pool is reached.
  case poolExhausted(bytes: Int, limit: Int)
  /// The operating system gave no memory.
  case outOfMemory(bytes: Int)
  /// A position beyond the last that the model has learned.
  case noSuchPosition(Int, limit: Int)

  /// The error in one sentence.
  public var description: String {
    switch self {
    case .poolExhausted(let bytes, let limit):
      "the cache needs \(bytes) bytes and may take \(limit); choose a smaller --kv-budget or a larger --kv-limit"
    case .outOfMemory(let bytes):
      "the system gave no memory for \(bytes) bytes of cache; choose a smaller --kv-budget"
    case .noSuchPosition(let position, let limit):
      "the model has learned \(limit) positions and token \(position) has none; shorten the text or choose a model with "
        + "rotary positions"
    }
  }
}
