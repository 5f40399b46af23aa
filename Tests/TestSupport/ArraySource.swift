public import KelvinTensors

/// Bytes in memory, as the source of a tensor.
public struct ArraySource: ByteSource {
  /// All bytes of the source.
  public var bytes: ContiguousArray<UInt8>

  /// A source of `bytes`.
  public init(_ bytes: some Sequence<UInt8>) { self.bytes = ContiguousArray(bytes) }

  /// The little-endian bytes of `numbers`, as a tensor of format F32 has them.
  public init(_ numbers: [Float]) {
    self.init(numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * $0)) } })
  }

  /// Calls `body` with the bytes of `range`.
  public func withBytes<Value, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let result: Result<Value, Failure> = bytes.withUnsafeBytes { buffer in
      do throws(Failure) {
        return .success(try body(UnsafeRawBufferPointer(rebasing: buffer[range]).bytes))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Does nothing: an array is always resident.
  public func release(_ range: Range<Int>) {}
}
