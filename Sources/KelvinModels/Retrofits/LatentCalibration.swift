public import KelvinAttention
public import KelvinTensors

/// What queries, keys and values of a model are like, layer by layer: what a conversion to latent attention goes by.
public struct LatentCalibration: Sendable {
  /// One layer.
  struct Layer: Sendable {
    /// The sum of `‖q‖` over tokens for each pair of turned channels of each query head, `[Hq, pairs]`.
    var queries: ContiguousArray<Double>
    /// The same of keys, `[H, pairs]`.
    var keys: ContiguousArray<Double>
    /// The sum of `x xᵀ` over tokens, where `x` is the keys and values of all KV heads, `[2·H·D, 2·H·D]`; zeros right of
    /// the diagonal.
    var moments: ContiguousArray<Double>
  }

  /// The layers, in order.
  var layers: [Layer]
}

/// Memory that looks at what passes through it, to calibrate a conversion.
///
/// Attention itself is left to the memory inside. Cost: `(2·H·D)²` bytes times 8 for each layer, and half as many
/// multiplications for each token and layer.
public struct CalibratingMemory<Memory: AttentionMemory & ~Copyable>: ~Copyable, AttentionMemory {
  /// What remembers.
  public var memory: Memory
  /// What was seen so far.
  public private(set) var calibration: LatentCalibration
  private let pairs: [[(Int, Int)]]

  /// Looks at what goes into `memory`.
  public init(_ memory: consuming Memory) {
    let layout = memory.layout
    pairs = layout.storeOfLayer.map { layer in
      let store = layout.stores[layer]
      return store.rotary.map { $0.channels(width: store.keyWidth) } ?? []
    }
    let layers = layout.storeOfLayer.map { layer in
      let store = layout.stores[layer]
      let size = store.heads * (store.keyWidth + store.valueWidth)
      return LatentCalibration.Layer(queries: [], keys: [], moments: ContiguousArray(repeating: 0, count: size * size))
    }
    calibration = LatentCalibration(layers: layers)
    self.memory = memory
  }

  /// The layout of the memory inside.
  public var layout: CacheLayout { memory.layout }
  /// The segments of the memory inside.
  public var segments: [Range<Int>] { memory.segments }
  /// The positions of the memory inside.
  public var positions: [Int32] { memory.positions }

  /// Looks at queries, keys and values, and attends.
  public mutating func attend(
    _ queries: Tensor, adding entries: NewEntries?, layer: Int, scale: Float
  ) throws(MemoryError) -> Tensor {
    if let entries, let values = entries.values {
      let width = layout.stores[layout.storeOfLayer[layer]].keyWidth
      Self.add(queries, pairs[layer], width: width, to: &calibration.layers[layer].queries)
      Self.add(entries.keys, pairs[layer], width: width, to: &calibration.layers[layer].keys)
      for row in 0..<values.rows {
        Self.add(entries.keys.values(row: row) + values.values(row: row), to: &calibration.layers[layer].moments)
      }
    }
    return try memory.attend(queries, adding: entries, layer: layer, scale: scale)
  }

  /// Leaves retention to the memory inside.
  public mutating func retain(
    _ queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor, layer: Int
  ) throws(MemoryError) -> Tensor {
    try memory.retain(queries, keys: keys, values: values, logDecays: logDecays, layer: layer)
  }

  /// Adds the lengths of every pair of every head.
  private static func add(
    _ tensor: Tensor, _ pairs: [(Int, Int)], width: Int, to sums: inout ContiguousArray<Double>
  ) {
    let heads = tensor.columns / width
    if sums.isEmpty { sums = ContiguousArray(repeating: 0, count: heads * pairs.count) }
    for row in 0..<tensor.rows {
      let numbers = tensor.values(row: row)
      for head in 0..<heads {
        for (index, (a, b)) in pairs.enumerated() {
          let (x, y) = (Double(numbers[head * width + a]), Double(numbers[head * width + b]))
          sums[head * pairs.count + index] += (x * x + y * y).squareRoot()
        }
      }
    }
  }

  /// Adds `x xᵀ` up to the diagonal.
  private static func add(_ row: [Float], to moments: inout ContiguousArray<Double>) {
    let size = row.count
    for index in 0..<size {
      let x = Double(row[index])
      for other in 0...index { moments[index * size + other] += x * Double(row[other]) }
    }
  }
}

extension Rotary {
  /// The two channels of each pair of a head of `width` channels.
  func channels(width: Int) -> [(Int, Int)] {
    let first = isTrailing ? width - self.width : 0
    return frequencies.indices.map { pair in
      switch pairs {
      case .adjacent: (first + 2 * pair, first + 2 * pair + 1)
      case .halves: (first + pair, first + pair + frequencies.count)
      }
    }
  }
}
