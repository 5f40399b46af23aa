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

  /// A matrix with rows and columns exchanged, as 32-bit floats in memory.
  /// - Throws: `TensorError` where the tensor is no matrix.
  public func transposed() throws(TensorError) -> StoredTensor {
    guard shape.count == 2 else { throw .wrongRank(tensor: name, shape: shape, expected: 2) }
    let (rows, columns) = (shape[0], shape[1])
    let numbers = try floats()
    var turned: ContiguousArray<Float> = []
    turned.reserveCapacity(numbers.count)
    for column in 0..<columns {
      for row in 0..<rows { turned.append(numbers[row * columns + column]) }
    }
    return StoredTensor(
      name: name, shape: [columns, rows], format: .f32, source: NumbersInMemory(numbers: turned),
      range: 0..<turned.count * MemoryLayout<Float>.size)
  }
}

/// Numbers that were made while a model is read.
private struct NumbersInMemory: ByteSource {
  let numbers: ContiguousArray<Float>

  func withBytes<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(numbers.span.bytes.extracting(range))
  }

  /// Does nothing: they are gone with the last tensor that reads them.
  func release(_ range: Range<Int>) {}
}
