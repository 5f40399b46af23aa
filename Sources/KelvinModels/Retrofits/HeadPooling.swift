public import KelvinTensors

/// Makes grouped-query or multi-query attention out of a model with more KV heads.
///
/// Consecutive KV heads, those that serve neighbouring query heads, become one: its key and value projections (and
/// biases, and gains that differ by head) are the mean of theirs, or those of one of them. The paper found the mean best;
/// either way the model needs some more training, 5 % of its pre-training in the paper, before it is as good as it was.
/// Heads that were equal already lose nothing.
///
/// Layers may be left with different numbers of KV heads; one that has as many as it should keeps its weights as they are.
/// Heads are pooled channel by channel. A GGUF file orders the channels of a head otherwise than Hugging Face, but every
/// head alike, so pooling and translating commute.
///
/// Source: Ainslie et al., GQA, section 2.1, arXiv 2305.13245.
public struct HeadPooling: Sendable, Hashable {
  /// What stands for the heads of a group.
  public enum Choice: String, CaseIterable, Sendable {
    /// The mean of their weights.
    case mean
    /// The first of them.
    case first
    /// One of them, drawn for every group of every layer.
    case random
  }

  /// KV heads that are wanted, one number for all layers or one for each; divisors of those that are there.
  public var heads: [Int]
  /// What stands for the heads of a group.
  public var choice: Choice
  /// Decides what `random` draws.
  public var seed: UInt64

  /// Pooling to `heads` KV heads, one number for all layers or one for each.
  public init(heads: [Int], choice: Choice = .mean, seed: UInt64 = 0) {
    self.heads = heads
    self.choice = choice
    self.seed = seed
  }

  /// The model with fewer KV heads; itself where it has as many already.
  ///
  /// The pooled tensors are F32 and computed when they are asked for; all others stay as they are.
  /// - Throws: `ModelError.unsuitableRetrofit` where the heads do not share out, and what the architecture throws.
  public func apply(to checkpoint: Checkpoint) throws(ModelError) -> Checkpoint {
    let found = try ArchitectureRegistry.conversion(of: checkpoint).keyValueHeads(checkpoint)
    let wanted = try counts(for: found.layers, of: checkpoint.name)
    guard wanted != found.layers.map(\.count) else { return checkpoint }
    var result = checkpoint
    result.metadata[found.key] = .perLayer(wanted)
    for (layer, (old, new)) in zip(found.layers, wanted).enumerated() where new < old.count {
      let heads = (count: old.count, width: found.width)
      let sources = sources(of: old.count, as: new, layer: layer)
      for place in old.places {
        guard let stored = checkpoint.tensors[place.tensor] else {
          throw .missingTensor(model: checkpoint.name, tensor: place.tensor)
        }
        result.tensors[place.tensor] = Self.pooled(stored, place, of: heads, from: sources)
      }
    }
    return result
  }

  /// The number of KV heads that each layer will have.
  private func counts(for layers: [KeyValueHeads.Layer], of model: String) throws(ModelError) -> [Int] {
    func refuse(_ found: String, _ expected: String) -> ModelError {
      .unsuitableRetrofit(model: model, option: "kv-heads", found: found, expected: expected)
    }
    guard let first = heads.first, heads.count == 1 || heads.count == layers.count else {
      throw refuse("a list of \(heads.count)", "one number, or a list of \(layers.count), one for each layer")
    }
    let counts = heads.count == 1 ? Array(repeating: first, count: layers.count) : heads
    let areAlike = heads.count == 1 && layers.allSatisfy { $0.count == layers.first?.count }
    for (layer, (old, new)) in zip(layers, counts).enumerated() {
      guard new >= 1, new <= old.count, old.count.isMultiple(of: new) else {
        let divisors = (1...old.count).filter { old.count.isMultiple(of: $0) }.map(String.init)
        throw refuse(
          areAlike ? "\(new)" : "\(new) in layer \(layer)",
          "a divisor of its \(old.count) KV heads: \(divisors.joined(separator: ", "))")
      }
    }
    return counts
  }

  /// For every new head the old ones that it is the mean of.
  private func sources(of count: Int, as heads: Int, layer: Int) -> [[Int]] {
    let size = count / heads
    return (0..<heads).map { group in
      switch choice {
      case .mean: Array(group * size..<(group + 1) * size)
      case .first: [group * size]
      case .random: [group * size + draw(below: size, layer: layer, group: group)]
      }
    }
  }

  /// A number that depends on the seed and the place only: keys and values of a layer take the same head.
  private func draw(below bound: Int, layer: Int, group: Int) -> Int {
    // SplitMix64's finaliser over the place.
    var bits = seed &+ (UInt64(layer) << 32 | UInt64(group)) &* 0x9E37_79B9_7F4A_7C15 &+ 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((bits ^ bits >> 31) % UInt64(bound))
  }

  /// A tensor whose head `g` is the mean of the heads `sources[g]`; what stands in front of the heads stays.
  private static func pooled(
    _ stored: StoredTensor, _ place: KeyValueHeads.Place, of heads: (count: Int, width: Int), from sources: [[Int]]
  ) -> StoredTensor {
    // For every new row the old ones that it is the mean of.
    var rows = (0..<place.first).map { [$0] }
    for run in 0..<place.runs {
      let first = place.first + run * heads.count * heads.width
      for members in sources {
        for channel in 0..<heads.width { rows.append(members.map { first + $0 * heads.width + channel }) }
      }
    }
    var shape = stored.shape
    shape[place.isTransposed ? 1 : 0] = rows.count
    return StoredTensor(name: stored.name, shape: shape) { [rows] in
      place.isTransposed
        ? means(of: rows, in: stored.numbers(), stretch: 1, old: stored.shape[1])
        : means(of: rows, in: stored.numbers(), stretch: stored.count / stored.shape[0], old: stored.shape[0])
    }
  }

  /// The means of rows of `stretch` numbers, in every block of `old` rows.
  private static func means(
    of rows: [[Int]], in numbers: ContiguousArray<Float>, stretch: Int, old: Int
  ) -> ContiguousArray<Float> {
    var means = ContiguousArray<Float>()
    means.reserveCapacity(numbers.count / old * rows.count)
    for block in stride(from: 0, to: numbers.count, by: old * stretch) {
      for members in rows {
        for index in 0..<stretch {
          let sum = members.reduce(Float(0)) { $0 + numbers[block + $1 * stretch + index] }
          means.append(sum / Float(members.count))
        }
      }
    }
    return means
  }
}
