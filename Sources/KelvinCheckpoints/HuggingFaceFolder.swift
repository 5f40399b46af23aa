import Foundation
import KelvinTensors

/// Reads a model folder as Hugging Face publishes it.
///
/// `config.json` says what the model is. The tensors are in `model.safetensors`, or in several such files that
/// `model.safetensors.index.json` lists: `{ "weight_map": { "tensor name": "model-00001-of-00002.safetensors", … } }`.
/// `generation_config.json` may correct the tokens that end an answer.
struct HuggingFaceFolder {
  private let path: String
  private let name: String

  init(path: String) {
    self.path = path
    name = MappedFile.lastComponent(of: path)
  }

  /// What the folder says.
  func read() throws(CheckpointError) -> Checkpoint {
    guard exists("config.json") else { throw .missing(file: name, part: "config.json") }
    let metadata = try metadata()
    let contents = try exists("model.safetensors") ? SafetensorsReader.read(open("model.safetensors")) : shards()
    return Checkpoint(
      name: name, style: .huggingFace, metadata: metadata, tensors: contents.tensors, otherTensors: contents.others)
  }

  /// A single safetensors file with the configuration that lies beside it, if any does.
  static func read(beside file: MappedFile, path: String) throws(CheckpointError) -> Checkpoint {
    let folder = HuggingFaceFolder(path: URL(fileURLWithPath: path).deletingLastPathComponent().path)
    let metadata = folder.exists("config.json") ? try folder.metadata() : [:]
    let contents = try SafetensorsReader.read(file)
    return Checkpoint(
      name: file.name, style: .huggingFace, metadata: metadata, tensors: contents.tensors,
      otherTensors: contents.others)
  }

  private func metadata() throws(CheckpointError) -> [String: MetadataValue] {
    var metadata = try configuration("config.json")
    if exists("generation_config.json") {
      metadata["generation.eos_token_id"] = try configuration("generation_config.json")["eos_token_id"]
    }
    return metadata
  }

  // MARK: Shards

  /// The tensors that the index lists, each from the file it names.
  private func shards() throws(CheckpointError) -> SafetensorsReader.Contents {
    let index = "model.safetensors.index.json"
    guard exists(index) else { throw .missing(file: name, part: "model.safetensors (or \(index))") }
    guard case .object(let map)? = try configuration(index)["weight_map"] else {
      throw .missing(file: "\(name)/\(index)", part: "the object 'weight_map'")
    }
    var opened: [String: SafetensorsReader.Contents] = [:]
    var contents = SafetensorsReader.Contents()
    // Sorted, so that a folder with several faults is always refused for the same one.
    for (tensor, shard) in map.sorted(by: { $0.key < $1.key }) {
      let shard = try shardName(shard, index: index)
      if opened[shard] == nil { opened[shard] = try SafetensorsReader.read(open(shard)) }
      if let stored = opened[shard]?.tensors[tensor] {
        contents.tensors[tensor] = stored
      } else if let type = opened[shard]?.others[tensor] {
        contents.others[tensor] = type
      } else {
        throw .missing(file: "\(name)/\(shard)", part: "tensor \(tensor.quoted), which the index says is here,")
      }
    }
    return contents
  }

  /// The file name of a shard.
  ///
  /// An index may come from anywhere: only names inside the folder are opened.
  private func shardName(_ value: MetadataValue, index: String) throws(CheckpointError) -> String {
    guard let shard = value.string, shard.hasSuffix(".safetensors"), !shard.contains("/"), !shard.contains("\\"),
      !shard.contains("\0")
    else {
      throw .malformed(
        file: "\(name)/\(index)", part: "weight_map", found: value.brief,
        expected: "the name of a .safetensors file in the same folder")
    }
    return shard
  }

  // MARK: Files

  private func exists(_ file: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(file)") }

  private func open(_ file: String) throws(CheckpointError) -> MappedFile {
    try MappedFile(path: "\(path)/\(file)", name: "\(name)/\(file)")
  }

  private func configuration(_ file: String) throws(CheckpointError) -> [String: MetadataValue] {
    try ConfigurationFile.read(path: "\(path)/\(file)", name: "\(name)/\(file)")
  }
}
