import KelvinTensors

/// A JSON object in a file of its own: `config.json`, `model.safetensors.index.json`.
enum ConfigurationFile {
  /// An index of the largest models has a few megabytes; what is larger is no configuration.
  static let byteLimit = 64 << 20

  /// The members of the object in the file at `path`.
  static func read(path: String, name: String) throws(CheckpointError) -> [String: MetadataValue] {
    let file = try MappedFile(path: path, name: name)
    guard file.count <= byteLimit else {
      throw .malformed(
        file: name, part: "size", found: "\(file.count) bytes", expected: "at most \(byteLimit) of JSON")
    }
    return try object(file.copy(0..<file.count), file: name, part: "JSON")
  }

  /// The members of the object that `bytes` spell.
  static func object(_ bytes: [UInt8], file: String, part: String) throws(CheckpointError) -> [String: MetadataValue] {
    let value: MetadataValue
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .malformed(
        file: file, part: "\(part), byte \(error.offset)", found: error.found, expected: error.expected)
    }
    guard case .object(let members) = value else {
      throw .malformed(file: file, part: part, found: value.brief, expected: "a JSON object")
    }
    return members
  }
}
