extension DecoderConfiguration {
  /// Where the KV heads lie; `key` states how many there are.
  func keyValueHeads(key: String) -> KeyValueHeads {
    KeyValueHeads(
      count: keyValueHeads, width: headWidth,
      layers: (0..<layers).map { layer in parts.flatMap { places(of: $0, layer: layer) } }, key: key)
  }

  /// The weight of a part and its bias, where they have rows for each KV head.
  private func places(of part: LayerPart, layer: Int) -> [KeyValueHeads.Place] {
    let first: Int
    switch part {
    case .key, .value: first = 0
    case .queryKeyValue: first = heads * headWidth
    // Norms that take a head at a time are the same for all.
    case .keyNorm where normsHeadsTogether: first = 0
    default: return []
    }
    let name = names.name(part, layer: layer)
    let runs = part == .queryKeyValue ? 2 : 1
    let weight = KeyValueHeads.Place(tensor: name, first: first, runs: runs, isTransposed: isTransposed)
    guard biases.contains(part) else { return [weight] }
    return [
      weight, KeyValueHeads.Place(tensor: names.bias(of: name), first: first, runs: runs, isTransposed: false),
    ]
  }
}
