import KelvinTensors

/// A matrix with the bias that it may have.
struct Projection: Sendable {
  let weight: Weight
  let bias: ContiguousArray<Float>?

  /// `x` `[T, columns]` → `[T, rows]`.
  func callAsFunction(_ x: Tensor) -> Tensor { x.multiplied(by: weight, bias: bias) }
}

/// Takes the parts of one layer out of a checkpoint, whether they have tensors of their own or share one.
struct LayerReader {
  let reader: WeightReader
  let configuration: DecoderConfiguration
  let layer: Int

  func queryKeyValue() throws(ModelError) -> (Projection, Projection, Projection) {
    guard configuration.parts.contains(.queryKeyValue) else {
      return (try projection(.query), try projection(.key), try projection(.value))
    }
    let (heads, shared, width) = (configuration.heads, configuration.keyValueHeads[layer], configuration.headWidth)
    let parts = try split(.queryKeyValue, rows: [heads * width, shared * width, shared * width])
    return (parts[0], parts[1], parts[2])
  }

  func gateUp() throws(ModelError) -> (gate: Projection?, up: Projection) {
    guard configuration.parts.contains(.gateUp) else {
      return (configuration.parts.contains(.gate) ? try projection(.gate) : nil, try projection(.up))
    }
    let parts = try split(.gateUp, rows: [configuration.feedForwardWidth, configuration.feedForwardWidth])
    return (parts[0], parts[1])
  }

  func projection(_ part: LayerPart) throws(ModelError) -> Projection {
    Projection(weight: try reader.pack(try matrix(part)), bias: try bias(part))
  }

  /// `nil` where the layer has no such norm.
  func norm(_ part: LayerPart) throws(ModelError) -> Norm? {
    configuration.parts.contains(part) ? try Norm(reader, name(part), configuration) : nil
  }

  /// The projections that lie below one another in one tensor.
  private func split(_ part: LayerPart, rows: [Int]) throws(ModelError) -> [Projection] {
    let whole = try matrix(part)
    let bias = try bias(part)
    var (projections, first) = ([Projection](), 0)
    for count in rows {
      let range = first..<first + count
      projections.append(
        Projection(weight: try reader.pack(whole.rows(range)), bias: bias.map { ContiguousArray($0[range]) }))
      first += count
    }
    return projections
  }

  private func matrix(_ part: LayerPart) throws(ModelError) -> StoredTensor {
    let stored = try reader.tensor(name(part))
    return configuration.isTransposed ? stored.transposed() : stored
  }

  private func bias(_ part: LayerPart) throws(ModelError) -> ContiguousArray<Float>? {
    guard configuration.biases.contains(part) else { return nil }
    return try reader.vector(configuration.names.bias(of: name(part)))
  }

  private func name(_ part: LayerPart) -> String { configuration.names.name(part, layer: layer) }
}
