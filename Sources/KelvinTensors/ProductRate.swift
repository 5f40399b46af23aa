import Foundation

/// How fast two square matrices are multiplied.
public struct ProductRate: Sendable, Hashable, Encodable {
  /// Rows and columns of both.
  public var size: Int
  /// What the numbers of the weight are stored in; activations are 32-bit floats.
  public var format: WeightFormat
  /// Operations per second: two for each of size³ products.
  public var operations: Double

  enum CodingKeys: String, CodingKey {
    case size, format
    case operations = "gflops"
  }

  /// Writes the rate in thousands of millions.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(size, forKey: .size)
    try container.encode(format.rawValue, forKey: .format)
    try container.encode(operations / 1e9, forKey: .operations)
  }
}

extension Processor {
  /// Times products of weights that are not quantised with the kernels and threads in use, in about a second.
  ///
  /// Rows of 1024 numbers lie a power of two apart, where caches have few places for them; rows of 1056 do not.
  public func measureProducts() -> [ProductRate] {
    [1024, 1056].flatMap { size in
      [WeightFormat.f32, .bf16].map { ProductRate(size: size, format: $0, operations: operations(size, $0)) }
    }
  }

  /// The median of up to 15 products after a first; fewer where they take more than half a second.
  private func operations(_ size: Int, _ format: WeightFormat) -> Double {
    let numbers = (0..<size * size).map { Float($0 % 31 - 15) / 16 }
    let stored = StoredTensor(name: "product", shape: [size, size]) { ContiguousArray(numbers) }
    guard let weight = try? Weight(stored.converted(to: format, processor: self), processor: self) else {
      preconditionFailure("a square matrix of \(size) rows is no weight")
    }
    let input = tensor(rows: size, columns: size, values: numbers)
    _ = input.multiplied(by: weight)
    var seconds: [Double] = []
    while seconds.count < 15, seconds.reduce(0, +) < 0.5 {
      let start = DispatchTime.now().uptimeNanoseconds
      _ = input.multiplied(by: weight)
      seconds.append(Double(max(1, DispatchTime.now().uptimeNanoseconds - start)) / 1e9)
    }
    return 2 * Double(size * size * size) / seconds.sorted()[seconds.count / 2]
  }
}
