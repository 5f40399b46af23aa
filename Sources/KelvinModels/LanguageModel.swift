public import KelvinAttention
public import KelvinTensors

/// A model that reads tokens and predicts the next ones.
///
/// A model is immutable and knows nothing of caches: what it must remember it hands to `memory`.
public protocol LanguageModel: Sendable {
  /// The shape of what the model remembers.
  var layout: CacheLayout { get }
  /// Tokens `V` that it knows; logits have this width.
  var vocabulary: Int { get }
  /// Positions that it was trained for.
  var contextLength: Int { get }
  /// Query heads `Hq` of its attention layers.
  var queryHeads: Int { get }
  /// Bytes of its weights in memory.
  var bytes: Int { get }
  /// Matrices that only the rows wanted meet, the head of logits aside: some of the last layer's.
  var weightsOfWantedRows: [Weight] { get }
  /// Tokens that stand before the first of every sequence, and count as positions: learned sinks.
  ///
  /// Their ids may lie beyond the vocabulary: they are read, never predicted. Empty for most models. Whoever runs the model
  /// puts them in front.
  var leadingTokens: [Int32] { get }

  /// Reads a pass of tokens.
  /// - Parameters:
  ///   - tokens: `[T]`, each in `0..<vocabulary`; in front of a sequence's first also `leadingTokens`.
  ///   - wanting: the rows whose logits are wanted.
  ///   - memory: prepared for this pass.
  ///   - processor: what the pass runs on.
  /// - Returns: `[rows, V]`, raw.
  /// - Throws: what `memory` throws when it cannot take more.
  func logits(
    for tokens: [Int32], wanting: LogitRows, memory: inout (some AttentionMemory & ~Copyable), on processor: Processor
  ) throws(MemoryError) -> Tensor
}

extension LanguageModel {
  /// None.
  public var leadingTokens: [Int32] { [] }
  /// None.
  public var weightsOfWantedRows: [Weight] { [] }
}

/// The rows of a pass whose logits are wanted.
public enum LogitRows: Sendable, Hashable {
  case none, last, all

  /// Those of a pass of `rows` rows.
  func range(of rows: Int) -> Range<Int> {
    switch self {
    case .none: rows..<rows
    case .last: max(0, rows - 1)..<rows
    case .all: 0..<rows
    }
  }
}
