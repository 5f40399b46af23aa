public import KelvinTensors

/// What a converter must know of an architecture; the architecture's own files provide it.
public struct ArchitectureConversion: Sendable {
  /// The same model in the names of the other style; the tensors stay in the file until they are asked for.
  let translate: @Sendable (Checkpoint, Checkpoint.Style) throws(ModelError) -> Checkpoint
  /// Where the KV heads lie.
  let keyValueHeads: @Sendable (Checkpoint) throws(ModelError) -> KeyValueHeads

  /// The model of `checkpoint` in the names, keys and order of rows of `style`.
  ///
  /// What says nothing about the model (vocabulary, author) is left out; the caller adds it.
  /// - Throws: `ModelError` where the checkpoint is not a whole model of this architecture, or says something that has
  ///   no place in the other style.
  public func translate(_ checkpoint: Checkpoint, to style: Checkpoint.Style) throws(ModelError) -> Checkpoint {
    try translate(checkpoint, style)
  }
}

/// The tensors of a model that have some rows for every KV head, head after head.
struct KeyValueHeads {
  /// KV heads `H`.
  var count: Int
  /// Query heads `Hq`.
  var queryHeads: Int
  /// For every layer the names of its keys' and values' weights and biases.
  var layers: [[String]]
  /// Where the metadata states `count`.
  var key: String
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
