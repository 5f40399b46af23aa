public import KelvinTensors

/// What one layer adds to its store in a pass.
public struct NewEntries {
  /// Keys without position, `[T, H·Dk]`.
  public var keys: Tensor
  /// Values `[T, H·Dv]`; `nil` where a value is a prefix of its key.
  public var values: Tensor?
  /// Append-or-merge gates (DMC), `[T, H·2]`.
  public var gates: Tensor?

  /// The entries of one pass through one layer.
  public init(keys: Tensor, values: Tensor?, gates: Tensor? = nil) {
    self.keys = keys
    self.values = values
    self.gates = gates
  }
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
  ///   - queries: `[T, Hq·Dk]`, without position.
  ///   - entries: what the layer adds.
  ///   - layer: the layer that attends, from 0.
  ///   - scale: what dot products are multiplied by before the softmax.
  /// - Returns: `[T, Hq·Dv]`.
  /// - Throws: `MemoryError.poolExhausted` when the entries do not fit.
  mutating func attend(
    _ queries: Tensor, adding entries: NewEntries?, layer: Int, scale: Float
  ) throws(MemoryError) -> Tensor
}

/// Why memory refused to take more.
public enum MemoryError: Error, Hashable, CustomStringConvertible {
  /// The byte limit of the page pool is reached.
  case poolExhausted(bytes: Int, limit: Int)
  /// The operating system gave no memory.
  case outOfMemory(bytes: Int)

  /// The error in one sentence.
  public var description: String {
    switch self {
    case .poolExhausted(let bytes, let limit):
      "the cache needs \(bytes) bytes and may take \(limit); choose a smaller --kv-budget or a larger --kv-limit"
    case .outOfMemory(let bytes):
      "the system gave no memory for \(bytes) bytes of cache; choose a smaller --kv-budget"
    }
  }
}
