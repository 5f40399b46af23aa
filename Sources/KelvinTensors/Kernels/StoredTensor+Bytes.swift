extension StoredTensor {
  /// The first bytes of the tensor, at most `count`.
  package func firstBytes(_ count: Int) -> [UInt8] {
    let first = range.lowerBound..<min(range.upperBound, range.lowerBound + count)
    return source.withBytes(first) { bytes in bytes.withUnsafeBytes { Array($0) } }
  }
}
