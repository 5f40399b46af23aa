import Foundation
public import KelvinTensors

/// Writes a model, in the format whose names its checkpoint bears.
///
/// One tensor at a time is in memory. Until everything is written, synchronised included, it lies under a temporary
/// name beside the place; whatever ends the writing before leaves nothing there. Nothing is overwritten.
public enum CheckpointWriter {
  /// Writes a GGUF file (style `gguf`) or a Hugging Face folder (style `huggingFace`).
  /// - Parameters:
  ///   - checkpoint: in the names of its style.
  ///   - path: where the file or folder will be; nothing may be there.
  ///   - files: more files of a folder by name, such as `tokenizer.json`; a GGUF file has no place for any.
  ///   - progress: called with the share of the bytes that is written, in 0...1; `false` ends the writing.
  /// - Throws: `CheckpointError`: `unwritable`, `inexpressible`, or `cancelled` after `progress` said so.
  public static func write(
    _ checkpoint: Checkpoint, path: String, files: [String: [UInt8]] = [:],
    progress: (Double) -> Bool = { _ in true }
  ) throws(CheckpointError) {
    switch checkpoint.style {
    case .gguf:
      precondition(files.isEmpty, "a GGUF file has no place for \(files.count) files")
      try GGUFWriter.write(checkpoint, path: path, progress: progress)
    case .huggingFace:
      try writeFolder(checkpoint, path: path, files: files, progress: progress)
    }
  }

  /// Checks that nothing is at `path`, before a long computation whose result could not be written.
  /// - Throws: `CheckpointError.unwritable`.
  public static func requireFree(path: String) throws(CheckpointError) { _ = try OutputPlace(path: path) }

  private static func writeFolder(
    _ checkpoint: Checkpoint, path: String, files: [String: [UInt8]], progress: (Double) -> Bool
  ) throws(CheckpointError) {
    let place = try OutputPlace(path: path)
    do {
      try FileManager.default.createDirectory(atPath: place.temporaryPath, withIntermediateDirectories: false)
    } catch {
      throw .unwritable(file: place.name, reason: error.localizedDescription)
    }
    var files = files
    // What a reader took from generation_config.json is not part of config.json.
    let configuration = checkpoint.metadata.filter { !$0.key.hasPrefix("generation.") }
    files["config.json"] = Array((MetadataValue.object(configuration).json(isIndented: true) + "\n").utf8)
    for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
      var file = try OutputFile(path: "\(place.temporaryPath)/\(name)", name: "\(place.name)/\(name)")
      try file.write(bytes)
      try file.close()
    }
    let weights = "model.safetensors"
    var file = try OutputFile(path: "\(place.temporaryPath)/\(weights)", name: "\(place.name)/\(weights)")
    try SafetensorsWriter.write(checkpoint, to: &file, progress: progress)
    try file.close()
    try place.finish()
  }
}

extension Checkpoint {
  /// The tensors in the order in which they are written: by name, numbers by their value.
  package var orderedTensors: [StoredTensor] {
    tensors.map { (key: Self.order(of: $0), tensor: $1) }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      .map { name, tensor in tensor }
  }

  /// The name's bytes, each run of digits preceded by its length, so that layer 10 follows layer 9.
  private static func order(of name: String) -> [UInt8] {
    var result: [UInt8] = []
    var digits: [UInt8] = []
    for byte in name.utf8 {
      if UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte {
        digits.append(byte)
      } else {
        if !digits.isEmpty { result += [UInt8(clamping: digits.count)] + digits }
        digits = []
        result.append(byte)
      }
    }
    return result + digits
  }
}

/// Writes tensor after tensor and says how far it is.
struct TensorStream {
  let tensors: [StoredTensor]
  /// Each tensor's start is a multiple of this.
  let alignment: Int

  /// - Throws: `cancelled` as soon as `progress` returns `false`.
  func write(to file: inout OutputFile, progress: (Double) -> Bool) throws(CheckpointError) {
    let total = tensors.reduce(0) { $0 + $1.range.count }
    var done = 0
    for tensor in tensors {
      guard progress(total == 0 ? 1 : Double(done) / Double(total)) else { throw .cancelled(file: file.name) }
      try file.pad(to: alignment)
      try file.write(tensor.bytes())
      tensor.source.release(tensor.range)
      done += tensor.range.count
    }
    guard progress(1) else { throw .cancelled(file: file.name) }
  }
}
