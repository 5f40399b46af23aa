import KelvinTensors

extension DecoderFacts {
  /// The KV heads of each layer: one number is that of all layers, a list has one for each.
  /// - Parameter heads: the query heads that they share out, and how many there are where the file does not say.
  func keyValueHeads(layers: Int, heads: Int) throws(ModelError) -> [Int] {
    let stated = plain.values[name(.keyValueHeads)]
    guard let stated, let list = stated.elements else {
      let count = try size(.keyValueHeads, limit: DecoderConfiguration.Limit.heads, default: heads)
      guard heads.isMultiple(of: count) else {
        throw invalid(.keyValueHeads, found: "\(count)", expected: "a divisor of the \(heads) heads")
      }
      return Array(repeating: count, count: layers)
    }
    guard list.count == layers else {
      throw invalid(
        .keyValueHeads, found: stated.brief, expected: "one number, or a list of \(layers), one for each layer")
    }
    var counts: [Int] = []
    for (layer, value) in list.enumerated() {
      let found = "\(value.brief) in layer \(layer)"
      guard value.integer != 0 else {
        throw .unsupported(
          model: plain.model, key: name(.keyValueHeads), found: found,
          supported: ["1 or more in every layer, as layers without attention are not computed"])
      }
      guard let count = value.integer, (1...heads).contains(count), heads.isMultiple(of: count) else {
        throw invalid(.keyValueHeads, found: found, expected: "a divisor of the \(heads) heads")
      }
      counts.append(count)
    }
    return counts
  }
}

extension DecoderConfiguration {
  /// Where the KV heads lie; `key` states how many there are.
  func keyValueHeads(key: String) -> KeyValueHeads {
    let layers = keyValueHeads.enumerated().map { layer, count in
      KeyValueHeads.Layer(count: count, places: parts.flatMap { places(of: $0, layer: layer) })
    }
    return KeyValueHeads(width: headWidth, layers: layers, key: key)
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

extension MetadataValue {
  /// What a file states about each layer: one number where all have the same, otherwise a list.
  static func perLayer(_ counts: [Int]) -> MetadataValue {
    guard let first = counts.first, counts.allSatisfy({ $0 == first }) else { return .integers(counts) }
    return .integer(first)
  }

  /// The elements of an array that may hold numbers, otherwise `nil`.
  fileprivate var elements: [MetadataValue]? {
    switch self {
    case .integers(let values): values.map { .integer($0) }
    case .numbers(let values): values.map { .number($0) }
    case .array(let values): values
    default: nil
    }
  }
}
