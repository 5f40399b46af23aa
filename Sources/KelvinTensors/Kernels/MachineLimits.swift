/// What a machine can do at most, measured by loops that do nothing else.
///
/// Rates are per second and of all threads together; an operation is a multiplication or an addition.
public struct MachineLimits: Sendable, Hashable, Encodable {
  /// Threads that were measured.
  public var threads: Int
  /// Bytes read from memory, from a buffer far beyond the last cache.
  public var memoryRead: Double
  /// Operations with int8 codes, summed as integers.
  public var codeOperations: Double
  /// Operations with 32-bit floats.
  public var numberOperations: Double
  /// Operations with bfloat16, summed as 32-bit floats; `nil` where the processor has no instruction for them.
  public var halfOperations: Double?

  /// Limits that are known.
  public init(
    threads: Int, memoryRead: Double, codeOperations: Double, numberOperations: Double, halfOperations: Double? = nil
  ) {
    self.threads = threads
    self.memoryRead = memoryRead
    self.codeOperations = codeOperations
    self.numberOperations = numberOperations
    self.halfOperations = halfOperations
  }

  enum CodingKeys: String, CodingKey {
    case threads
    case memoryRead = "memory_read_gbs"
    case codeOperations = "int8_gops"
    case numberOperations = "f32_gflops"
    case halfOperations = "bf16_gflops"
  }

  /// Writes rates in thousands of millions; `bf16_gflops` only where there is one.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(threads, forKey: .threads)
    try container.encode(memoryRead / 1e9, forKey: .memoryRead)
    try container.encode(codeOperations / 1e9, forKey: .codeOperations)
    try container.encode(numberOperations / 1e9, forKey: .numberOperations)
    try container.encodeIfPresent(halfOperations.map { $0 / 1e9 }, forKey: .halfOperations)
  }
}

/// What a machine could do directly before and directly after something that was timed.
public struct LimitPair: Sendable, Hashable {
  /// Measured when nothing but the preparation had happened.
  public var before: MachineLimits
  /// Measured when it was done.
  public var after: MachineLimits

  /// A pair of the same threads.
  public init(before: MachineLimits, after: MachineLimits) {
    self.before = before
    self.after = after
  }

  /// The rates at which the same work takes the mean of the times that it takes before and after.
  public var mean: MachineLimits {
    func mean(_ rate: KeyPath<MachineLimits, Double>) -> Double {
      2 / (1 / before[keyPath: rate] + 1 / after[keyPath: rate])
    }
    var mean = MachineLimits(
      threads: before.threads, memoryRead: mean(\.memoryRead), codeOperations: mean(\.codeOperations),
      numberOperations: mean(\.numberOperations))
    if let first = before.halfOperations, let last = after.halfOperations {
      mean.halfOperations = 2 / (1 / first + 1 / last)
    }
    return mean
  }
}
