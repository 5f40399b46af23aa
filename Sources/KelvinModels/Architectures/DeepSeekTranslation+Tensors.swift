import KelvinAttention
import KelvinTensors

extension DeepSeekTranslation {
  private typealias Part = DeepSeekTensorNames.Part

  /// The tensors of the target; nothing is read before their bytes are asked for.
  var tensors: [String: StoredTensor] {
    var tensors: [String: StoredTensor] = [:]
    func add(_ tensor: StoredTensor?, as name: String) {
      tensors[name] = tensor
      tensors[name]?.name = name
    }
    add(source.tensors[model.names.embedding], as: target.names.embedding)
    add(source.tensors[model.names.finalNorm], as: target.names.finalNorm)
    if !model.tiedEmbeddings { add(source.tensors[model.names.head], as: target.names.head) }
    for layer in 0..<model.layers {
      for part in Part.allCases {
        switch part {
        case .keyValueUp, .keyUp, .valueUp: continue
        case .expertGate, .expertUp, .expertDown:
          for (name, tensor) in experts(part, layer: layer) { add(tensor, as: name) }
        default: add(moved(part, layer: layer), as: target.names.name(part, layer: layer))
        }
      }
      for (part, tensor) in upProjections(layer: layer) { add(tensor, as: target.names.name(part, layer: layer)) }
    }
    return tensors
  }

  private func tensor(_ part: Part, layer: Int, expert: Int = 0) -> StoredTensor? {
    source.tensors[model.names.name(part, layer: layer, expert: expert)]
  }

  /// A tensor that both styles have, with its turned rows in the target's order.
  private func moved(_ part: Part, layer: Int) -> StoredTensor? {
    let stored = tensor(part, layer: layer)
    let widths: (head: Int, plain: Int)
    switch part {
    case .query, .queryUp: widths = (model.headWidth, model.plainWidth)
    case .latentDown: widths = (model.latentWidth + model.rotaryWidth, model.latentWidth)
    default: return stored
    }
    return stored?.withRotaryPairs(
      .adjacent, from: model.rotary[layer].pairs, headWidth: widths.head, behind: widths.plain)
  }

  /// The matrices of a layer's experts, in one tensor or a tensor each; none where the layer has no experts.
  private func experts(_ part: Part, layer: Int) -> [(name: String, tensor: StoredTensor)] {
    guard let count = model.experts?.routing.experts, model.hasExperts(layer) else { return [] }
    let name = target.names.name(part, layer: layer)
    switch target.style {
    case .gguf:
      let parts = (0..<count).compactMap { tensor(part, layer: layer, expert: $0) }
      return [(name, StoredTensor(name: name, shape: [count] + (parts.first?.shape ?? []), joining: parts))]
    case .huggingFace:
      guard let all = tensor(part, layer: layer) else { return [] }
      return (0..<count).map { (target.names.name(part, layer: layer, expert: $0), all.part($0)) }
    }
  }

  // MARK: Up-projections

  /// The up-projections of keys `[heads, Dc, Dn]` and values `[heads, Dv, Dc]`, or both in one
  /// `[heads · (Dn + Dv), Dc]`; keys in blocks are transposed as numbers.
  private func upProjections(layer: Int) -> [(Part, StoredTensor)] {
    let (heads, latent) = (model.heads, model.latentWidth)
    let (keys, values) = (keyUps(layer: layer), valueUps(layer: layer))
    if target.splitsUpProjections {
      let transposed = keys.map { $0.transposed() }
      return [
        (.keyUp, StoredTensor(name: "", shape: [heads, latent, model.plainWidth], joining: transposed)),
        (.valueUp, StoredTensor(name: "", shape: [heads, model.valueWidth, latent], joining: values)),
      ]
    }
    let rows = heads * (model.plainWidth + model.valueWidth)
    let parts = zip(keys, values).flatMap { [$0, $1] }
    return [(.keyValueUp, StoredTensor(name: "", shape: [rows, latent], joining: parts))]
  }

  /// `W_UK` of each head, `[Dn, Dc]`.
  private func keyUps(layer: Int) -> [StoredTensor] {
    if model.splitsUpProjections {
      return tensor(.keyUp, layer: layer).map { all in (0..<model.heads).map { all.part($0).transposed() } } ?? []
    }
    return joinedUps(layer: layer, rows: 0..<model.plainWidth)
  }

  /// `W_UV` of each head, `[Dv, Dc]`.
  private func valueUps(layer: Int) -> [StoredTensor] {
    if model.splitsUpProjections {
      return tensor(.valueUp, layer: layer).map { all in (0..<model.heads).map { all.part($0) } } ?? []
    }
    return joinedUps(layer: layer, rows: model.plainWidth..<model.plainWidth + model.valueWidth)
  }

  /// Rows of each head of an up-projection of both.
  private func joinedUps(layer: Int, rows: Range<Int>) -> [StoredTensor] {
    guard let all = tensor(.keyValueUp, layer: layer) else { return [] }
    return (0..<model.heads).map { head in
      let first = head * (model.plainWidth + model.valueWidth)
      return all.rows(first + rows.lowerBound..<first + rows.upperBound)
    }
  }
}
