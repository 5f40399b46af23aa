extension StoredTensor {
  /// The rows of `range` of a matrix; no bytes are copied.
  public func rows(_ range: Range<Int>) -> StoredTensor {
    precondition(
      shape.count == 2 && range.lowerBound >= 0 && range.upperBound <= shape[0], "rows \(range) of \(name): \(shape)")
    let bytes = self.range.count / max(1, shape[0])
    var part = self
    part.shape[0] = range.count
    part.range = self.range.lowerBound + range.lowerBound * bytes..<self.range.lowerBound + range.upperBound * bytes
    return part
  }

  /// Tensor `index` of those that stand along the first dimension; no bytes are copied.
  public func part(_ index: Int) -> StoredTensor {
    precondition(shape.count > 1 && (0..<shape[0]).contains(index), "part \(index) of \(name): \(shape)")
    let bytes = range.count / shape[0]
    let start = range.lowerBound + index * bytes
    var part = self
    part.shape.removeFirst()
    part.range = start..<start + bytes
    return part
  }

  /// The numbers of `parts`, one after the other: bit for bit where all have one format, otherwise F32.
  /// - Parameter shape: of the whole; it holds as many numbers as the parts.
  public init(name: String, shape: [Int], joining parts: [StoredTensor]) {
    precondition(parts.reduce(0) { $0 + $1.count } == shape.reduce(1, *), "\(name): \(parts.map(\.shape)) for \(shape)")
    guard let format = parts.first?.format, parts.allSatisfy({ $0.format == format }) else {
      self.init(name: name, shape: shape) { parts.reduce(into: ContiguousArray()) { $0 += $1.numbers() } }
      return
    }
    let bytes = parts.reduce(0) { $0 + $1.range.count }
    let source = ComputedBytes {
      var output = ContiguousArray<UInt8>()
      output.reserveCapacity(bytes)
      for part in parts {
        output += part.bytes()
        part.source.release(part.range)
      }
      return output
    }
    self.init(name: name, shape: shape, format: format, source: source, range: 0..<bytes)
  }
}
