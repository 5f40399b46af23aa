import KelvinCache
import KelvinTensors

/// What tells models apart, so that a cache is never read by another model than the one that made it.
struct ModelFingerprint: Codable, Hashable, CustomStringConvertible {
  /// The file's or folder's name, for messages only.
  var name: String
  /// A checksum over the names, shapes, formats and first bytes of all tensors, and over the metadata.
  var weights: UInt32

  /// Reads 64 bytes of each tensor, not the whole file.
  init(_ checkpoint: Checkpoint) {
    name = checkpoint.name
    var checksum = Checksum()
    for (key, value) in checkpoint.metadata.sorted(by: { $0.key < $1.key }) {
      checksum.add(Array("\(key)=\(value.brief)\n".utf8))
    }
    for (name, tensor) in checkpoint.tensors.sorted(by: { $0.key < $1.key }) {
      checksum.add(Array("\(name) \(tensor.shape) \(tensor.format.rawValue)\n".utf8))
      checksum.add(tensor.firstBytes(64))
    }
    weights = checksum.value
  }

  /// Whether two files hold the same model, whatever they are called.
  func isSameModel(as other: ModelFingerprint) -> Bool { weights == other.weights }

  /// The name and the checksum.
  var description: String { "\(name.quoted) (\(String(weights, radix: 16)))" }
}
