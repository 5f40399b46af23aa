import KelvinTensors

/// A tensor that a model must have.
struct ExpectedTensor {
  var name: String
  var shape: [Int]
  /// What the shape is, in words.
  var meaning: String

  /// One dimension of a tensor.
  struct Dimension {
    var count: Int
    var meaning: String

    init(_ count: Int, _ meaning: String) {
      self.count = count
      self.meaning = meaning
    }
  }

  init(_ name: String, _ dimensions: Dimension...) {
    self.name = name
    shape = dimensions.map(\.count)
    meaning = dimensions.map(\.meaning).joined(separator: " × ")
  }

  /// Numbers in the tensor.
  var count: Int { shape.reduce(1, *) }
}

extension Checkpoint {
  /// Checks that every tensor of `expected` is there, in its exact shape, and none that the model would ignore.
  /// - Parameters:
  ///   - expected: in the order of the computation; the first that is not right is reported.
  ///   - architecture: the name that messages call the model by.
  ///   - mayIgnore: whether a tensor may be there without being used.
  func requireExactly(
    _ expected: [ExpectedTensor], of architecture: String, mayIgnore: (String) -> Bool
  ) throws(ModelError) {
    for expected in expected {
      guard let tensor = tensors[expected.name] else {
        if let type = otherTensors[expected.name] {
          throw .unreadableTensor(model: name, tensor: expected.name, found: type)
        }
        throw .missingTensor(model: name, tensor: expected.name)
      }
      guard tensor.shape == expected.shape else {
        throw .wrongShape(
          model: name, tensor: expected.name, found: tensor.shape, expected: expected.shape, meaning: expected.meaning)
      }
    }
    let known = Set(expected.map(\.name))
    if let unknown = tensors.keys.filter({ !known.contains($0) && !mayIgnore($0) }).min() {
      throw .unknownTensor(model: name, tensor: unknown, architecture: architecture)
    }
  }
}
