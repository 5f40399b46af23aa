import KelvinModels
public import KelvinTensors

/// What passes over a model must at least read and compute, whatever computes them.
///
/// A step reads all weights and every entry that it attends to. A product of a row with a matrix of `n` numbers takes `2·n`
/// operations, attention to one entry `2·(Dk + Dv)` for each query head. Norms, rotations and the softmax are left out, so a
/// speed can come near its limit but not exceed it.
public struct PassDemand: Sendable, Hashable {
  /// Bytes that come from memory.
  public var bytes: Double
  /// Operations with int8 codes.
  public var codeOperations: Double
  /// Operations with 32-bit floats.
  public var numberOperations: Double
  /// Operations with bfloat16.
  public var halfOperations: Double

  /// A demand of so much.
  public init(
    bytes: Double = 0, codeOperations: Double = 0, numberOperations: Double = 0, halfOperations: Double = 0
  ) {
    self.bytes = bytes
    self.codeOperations = codeOperations
    self.numberOperations = numberOperations
    self.halfOperations = halfOperations
  }

  /// Seconds that the bytes alone take.
  public func memorySeconds(within limits: MachineLimits) -> Double { bytes / limits.memoryRead }

  /// Seconds that the operations alone take.
  public func arithmeticSeconds(within limits: MachineLimits) -> Double {
    codeOperations / limits.codeOperations + numberOperations / limits.numberOperations
      + halfOperations / (limits.halfOperations ?? limits.numberOperations)
  }

  static func += (sum: inout PassDemand, more: PassDemand) {
    sum.bytes += more.bytes
    sum.codeOperations += more.codeOperations
    sum.numberOperations += more.numberOperations
    sum.halfOperations += more.halfOperations
  }

  /// Adds products of `rows` rows of activations with `weights`, which are read once, by `kernels`.
  mutating func add(_ weights: WeightCost, rows: Int, kernels: Kernels.Variant?) {
    bytes += weights.bytes
    for (kind, numbers) in weights.numbers {
      let operations = 2 * numbers * Double(rows)
      if kernels?.roundsToHalves(kind, rows: rows) == true {
        halfOperations += operations
      } else if kind == .codes {
        codeOperations += operations
      } else {
        numberOperations += operations
      }
    }
  }
}

/// How near a speed comes to what the machine can do.
public struct LimitShare: Sendable, Hashable {
  /// What takes longer at least.
  public enum Bound: String, Sendable, Hashable, Encodable {
    case memory, arithmetic
  }

  /// The least time that the machine needs, divided by the time that it took: 1 is as fast as can be.
  public var share: Double
  /// The limit that the share is of.
  public var bound: Bound

  /// A share of a limit.
  public init(share: Double, bound: Bound) {
    self.share = share
    self.bound = bound
  }
}

/// Sums over weights that are multiplied together.
struct WeightCost: Sendable, Hashable {
  /// Bytes in memory.
  var bytes = 0.0
  /// Numbers of each kind.
  var numbers: [StoredTensor.Kind: Double] = [:]

  mutating func add(_ cost: StoredTensor.ProductCost) {
    bytes += Double(cost.bytes)
    numbers[cost.kind, default: 0] += Double(cost.numbers)
  }
}

/// The weights that a pass reads, by what they are for.
struct ModelCost: Sendable, Hashable {
  /// Read for every token: all matrices but those below.
  var layers = WeightCost()
  /// Read for every row of logits, beside the head.
  var wantedRows = WeightCost()
  /// Read for every row of logits.
  var head = WeightCost()

  /// Sorts the matrices of a checkpoint by what `model` does with them; tensors that are no matrices count nothing.
  ///
  /// Of an embedding and an output head the larger counts as head: a pass reads only a row a token of the other.
  init(_ checkpoint: Checkpoint, of model: any LanguageModel, exact: Bool) {
    let last = Set(model.weightsOfWantedRows.map(\.name))
    var head: StoredTensor.ProductCost?
    for tensor in checkpoint.tensors.values {
      guard let cost = tensor.productCost(exact: exact) else { continue }
      if last.contains(tensor.name) {
        wantedRows.add(cost)
      } else if tensor.shape[0] != model.vocabulary {
        layers.add(cost)
      } else if cost.bytes > head?.bytes ?? 0 {
        head = cost
      }
    }
    if let head { self.head.add(head) }
  }
}
