import Foundation
public import KelvinTensors

/// Opens a model, whatever format it is in: the content decides, not the name.
public enum CheckpointReader {
  /// What the model at `path` says; its tensors stay in the file until they are asked for.
  ///
  /// - Parameter path: a GGUF file, a Hugging Face folder, a safetensors file (with `config.json` beside it, which says
  ///   what model it is), or a llama2.c `.bin` file.
  /// - Throws: `CheckpointError`; no input, however broken, does anything else.
  public static func read(path: String) throws(CheckpointError) -> Checkpoint {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
      return try HuggingFaceFolder(path: path).read()
    }
    let file = try MappedFile(path: path)
    let name = file.name.lowercased()
    // A name is believed only where the content says nothing, so that a damaged file is refused in its own words.
    if file.integer(UInt32.self, at: 0) == GGUFReader.magic || name.hasSuffix(".gguf") {
      return try GGUFReader.read(file)
    }
    if let checkpoint = try Llama2CReader.read(file) { return checkpoint }
    if file.integer(UInt8.self, at: 8) == UInt8(ascii: "{") || name.hasSuffix(".safetensors") {
      return try HuggingFaceFolder.read(beside: file, path: path)
    }
    let start = file.copy(0..<min(8, file.count)).map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    throw .unknownFormat(file: file.name, found: "\(file.count) bytes that begin with \(start.joined(separator: " "))")
  }

  /// What a `config.json` says on its own: a checkpoint without tensors.
  public static func read(configuration path: String) throws(CheckpointError) -> Checkpoint {
    let name = MappedFile.lastComponent(of: path)
    let metadata = try ConfigurationFile.read(path: path, name: name)
    return Checkpoint(name: name, style: .huggingFace, metadata: metadata, tensors: [:])
  }
}
