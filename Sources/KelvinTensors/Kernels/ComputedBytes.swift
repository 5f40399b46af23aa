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
  /// - Parameters:
  ///   - name: the tensor's.
  ///   - shape: rows first.
  ///   - numbers: as many as `shape` says, row after row.
  public init(name: String, shape: [Int], numbers: @escaping @Sendable () -> ContiguousArray<Float>) {
    let count = shape.reduce(1, *)
    self.init(name: name, shape: shape, format: .f32, source: ComputedBytes(numbers), range: 0..<count * 4)
  }

  /// The numbers as 32-bit floats, computed on the calling thread; see `Processor.numbers(of:)` for large tensors.
  public func numbers() -> ContiguousArray<Float> {
    precondition(format.bytes(count: count) == range.count, "\(name): \(range.count) bytes for shape \(shape)")
    return PackedPanels.dequantised(self)
  }

  /// A copy of the tensor's bytes.
  public func bytes() -> ContiguousArray<UInt8> {
    source.withBytes(range) { span in span.withUnsafeBytes { ContiguousArray($0) } }
  }

  /// The numbers of the tensor in another format, computed when they are asked for; itself where it has that format.
  public func converted(to format: WeightFormat, processor: Processor) -> StoredTensor {
    guard format != self.format, let bytes = format.bytes(count: count) else { return self }
    var result = self
    result.format = format
    result.range = 0..<bytes
    result.source = ComputedBytes { processor.quantised(processor.numbers(of: self), as: format) }
    return result
  }

  /// The tensor with its rows in another order: row `r` is row `order[r]` of this one, bit for bit.
  ///
  /// A vector's rows are its elements; one in a block format, whose elements cannot be told apart, becomes F32.
  public func reordered(rows order: [Int]) -> StoredTensor {
    precondition(shape.first == order.count, "\(order.count) rows for shape \(shape)")
    guard (count / order.count).isMultiple(of: format.blockLength) else {
      return StoredTensor(name: name, shape: shape) { numbers() }.reordered(rows: order)
    }
    let rowBytes = range.count / order.count
    var result = self
    result.range = 0..<range.count
    result.source = ComputedBytes {
      let rows = bytes()
      var output = ContiguousArray<UInt8>()
      output.reserveCapacity(rows.count)
      for row in order { output += rows[row * rowBytes..<(row + 1) * rowBytes] }
      return output
    }
    return result
  }

  /// The matrix with rows and columns exchanged, bit for bit.
  ///
  /// One in a block format, whose elements cannot be told apart, becomes F32.
  public func transposed() -> StoredTensor {
    precondition(shape.count == 2, "\(name): shape \(shape)")
    guard format.blockLength == 1 else { return StoredTensor(name: name, shape: shape) { numbers() }.transposed() }
    let (rows, columns, width) = (shape[0], shape[1], format.blockBytes)
    var result = self
    result.shape = [columns, rows]
    result.range = 0..<range.count
    result.source = ComputedBytes {
      let old = bytes()
      return ContiguousArray(unsafeUninitializedCapacity: old.count) { output, count in
        for row in 0..<rows {
          for column in 0..<columns {
            let (from, to) = ((row * columns + column) * width, (column * rows + row) * width)
            for byte in 0..<width { output[to + byte] = old[from + byte] }
          }
        }
        count = old.count
      }
    }
    return result
  }
}
