import KelvinTensors

/// Takes tensors out of a checkpoint and packs them for the kernels.
struct WeightReader {
  let checkpoint: Checkpoint
  /// Keep all weights as 32-bit floats.
  let exact: Bool
  let processor: Processor

  /// A matrix.
  func weight(_ name: String) throws(ModelError) -> Weight { try pack(try tensor(name)) }

  /// Matrix `part` of a tensor of several.
  func weight(_ name: String, part: Int) throws(ModelError) -> Weight { try pack(try tensor(name).part(part)) }

  func pack(_ stored: StoredTensor) throws(ModelError) -> Weight {
    do {
      return try Weight(stored, exact: exact, processor: processor)
    } catch {
      throw .unusableTensor(model: checkpoint.name, reason: error.description)
    }
  }

  /// A bias, or the gain of a norm.
  func vector(_ name: String) throws(ModelError) -> ContiguousArray<Float> {
    let stored = try tensor(name)
    do {
      return try stored.floats()
    } catch {
      throw .unusableTensor(model: checkpoint.name, reason: error.description)
    }
  }

  func tensor(_ name: String) throws(ModelError) -> StoredTensor {
    guard let stored = checkpoint.tensors[name] else {
      throw .missingTensor(model: checkpoint.name, tensor: name)
    }
    return stored
  }
}
