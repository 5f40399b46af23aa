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
}
