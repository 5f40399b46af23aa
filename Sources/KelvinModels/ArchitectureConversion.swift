public import KelvinTensors

/// What a converter must know of an architecture; the architecture's own files provide it.
public struct ArchitectureConversion: Sendable {
  /// The same model in the names of the other style; the tensors stay in the file until they are asked for.
  let translate: @Sendable (Checkpoint, Checkpoint.Style) throws(ModelError) -> Checkpoint
  /// Where the KV heads lie.
  let keyValueHeads: @Sendable (Checkpoint) throws(ModelError) -> KeyValueHeads
  /// What a translation leaves out although the file has it, a sentence each.
  var omissions: @Sendable (Checkpoint) throws(ModelError) -> [String] = { _ in [] }

  /// The model of `checkpoint` in the names, keys and order of rows of `style`.
  ///
  /// What says nothing about the model (vocabulary, author) is left out; the caller adds it.
  /// - Throws: `ModelError` where the checkpoint is not a whole model of this architecture, or says something that has
  ///   no place in the other style.
  public func translate(_ checkpoint: Checkpoint, to style: Checkpoint.Style) throws(ModelError) -> Checkpoint {
    try translate(checkpoint, style)
  }

  /// What `translate` leaves out of the model, a sentence each.
  /// - Throws: `ModelError`, as `translate`.
  public func omissions(of checkpoint: Checkpoint) throws(ModelError) -> [String] { try omissions(checkpoint) }
}

/// Where the KV heads of a model lie: the tensors that have some rows for each, head after head.
struct KeyValueHeads {
  /// Rows of a head `D`.
  var width: Int
  /// The layers, in order.
  var layers: [Layer]
  /// Where the metadata states how many there are.
  var key: String

  /// One layer.
  struct Layer {
    /// KV heads `H`.
    var count: Int
    /// Its tensors of keys and values: weights, biases, gains that differ by head.
    var places: [Place]
  }

  /// The heads in one tensor.
  struct Place {
    var tensor: String
    /// Rows in front of the first head: the queries, where they share the tensor.
    var first: Int
    /// How often all heads follow: twice where keys and values share the tensor.
    var runs: Int
    /// Whether rows of the projection are columns of the tensor.
    var isTransposed: Bool
  }
}

extension ArchitectureRegistry {
  /// How models of the architecture of `checkpoint` are converted.
  /// - Throws: `ModelError.unsupportedArchitecture` where nobody has said how.
  public static func conversion(of checkpoint: Checkpoint) throws(ModelError) -> ArchitectureConversion {
    let entry = try entry(of: checkpoint)
    guard let conversion = entry.conversion else {
      throw .unsupportedArchitecture(
        model: checkpoint.name, found: "\(entry.names[0].quoted), which is run but not converted",
        supported: all.filter { $0.conversion != nil }.flatMap(\.names))
    }
    return conversion
  }
}
