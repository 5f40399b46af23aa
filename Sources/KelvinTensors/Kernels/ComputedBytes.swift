/// Bytes that are computed every time they are asked for, so that a whole checkpoint can be changed without being held.
///
/// Cost: one computation per `withBytes`, of all elements whatever the range; nothing is kept between calls.
public struct ComputedBytes<Element: BitwiseCopyable & Sendable>: ByteSource {
  private let compute: @Sendable () -> ContiguousArray<Element>

  /// The little-endian bytes of the elements that `compute` returns.
  public init(_ compute: @escaping @Sendable () -> ContiguousArray<Element>) { self.compute = compute }

  /// Calls `body` with the bytes of `range`.
  public func withBytes<Value, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let result: Result<Value, Failure> = compute().withUnsafeBytes { buffer in
      do throws(Failure) {
        return .success(try body(UnsafeRawBufferPointer(rebasing: buffer[range]).bytes))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Does nothing: nothing is kept.
  public func release(_ range: Range<Int>) {}
}

extension StoredTensor {
  /// A tensor of 32-bit floats that are computed when they are asked for.
  /// - Parameter numbers: as many as `shape` says, row after row.
  public init(name: String, shape: [Int], numbers: @escaping @Sendable () -> ContiguousArray<Float>) {
    let count = shape.reduce(1, *)
    self.init(name: name, shape: shape, format: .f32, source: ComputedBytes(numbers), range: 0..<count * 4)
  }
}
