import CKelvinKernels

extension Tensor {
  /// The numbers of all rows, one row after another.
  public var values: [Float] {
    Array(UnsafeBufferPointer(start: pointer, count: rows * columns))
  }

  /// The numbers of one row.
  public func values(row: Int) -> [Float] {
    precondition(row >= 0 && row < rows, "row \(row) of a tensor of \(rows) rows")
    return Array(UnsafeBufferPointer(start: pointer + row * columns, count: columns))
  }

  /// Copies one row into `array`, which grows only if it must.
  public func copy(row: Int, into array: inout [Float]) {
    precondition(row >= 0 && row < rows, "row \(row) of a tensor of \(rows) rows")
    array.removeAll(keepingCapacity: true)
    array.append(contentsOf: UnsafeBufferPointer(start: pointer + row * columns, count: columns))
  }

  /// The memory of the tensor, row after row; for the page kernels of a cache.
  public var pointer: UnsafeMutablePointer<Float> { buffer.values }

  /// The columns of `range` of each `width` columns, of all rows: parts of heads.
  public func columns(_ range: Range<Int>, ofEach width: Int) -> Tensor {
    precondition(range.upperBound <= width && columns.isMultiple(of: width), "\(range) of \(columns) by \(width)")
    let result = processor.tensor(rows: rows, columns: columns / width * range.count)
    for part in 0..<rows * columns / width {
      (result.pointer + part * range.count).update(from: pointer + part * width + range.lowerBound, count: range.count)
    }
    return result
  }

  /// A copy of the rows of `range`.
  public subscript(rows range: Range<Int>) -> Tensor { copied(rows: range, to: processor) }

  /// A copy of the rows of `range`, for operations on `processor`.
  public func copied(rows range: Range<Int>, to processor: Processor) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of a tensor of \(rows) rows")
    let result = processor.tensor(rows: range.count, columns: columns)
    result.pointer.update(from: pointer + range.lowerBound * columns, count: range.count * columns)
    return result
  }

  func clear() { pointer.update(repeating: 0, count: rows * columns) }

  func fill(from values: [Float]) {
    values.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { pointer.update(from: base, count: source.count) }
    }
  }

  /// The rows as products read them; their int8 form and their form in bfloat16 are made if asked for and not there yet.
  func activations(quantised: Bool, halved: Bool) -> kelvin_activations {
    var result = kelvin_activations()
    if quantised {
      result = buffer.activations(rows: rows, columns: columns)
    } else {
      result.values = UnsafePointer(pointer)
      result.stride = columns
    }
    if halved { result.halves = buffer.halves(rows: rows, columns: columns) }
    let kernels = processor.kernels.table
    if quantised && !buffer.isQuantised {
      fill(result, kernels.pointee.quantise)
      buffer.isQuantised = true
    }
    if halved && !buffer.isHalved {
      fill(result, kernels.pointee.halve)
      buffer.isHalved = true
    }
    return result
  }

  private func fill(
    _ activations: kelvin_activations,
    _ kernel: (@convention(c) (UnsafePointer<kelvin_activations>?, Int32, Int32, Int32) -> Void)?
  ) {
    guard let kernel else { preconditionFailure("no kernel writes this form of \(rows) rows") }
    processor.split(rows: rows, columns: columns) { range in
      withUnsafePointer(to: activations) {
        kernel($0, Int32(columns), Int32(range.lowerBound), Int32(range.upperBound))
      }
    }
  }
}

extension Processor {
  /// Tensors of the same width, one below the other.
  public func joined(_ parts: [Tensor]) -> Tensor {
    let result = tensor(rows: parts.reduce(0) { $0 + $1.rows }, columns: parts.first?.columns ?? 0)
    var row = 0
    for part in parts {
      precondition(part.columns == result.columns, "\(part.columns) columns below \(result.columns)")
      (result.pointer + row * result.columns).update(from: part.pointer, count: part.rows * part.columns)
      row += part.rows
    }
    return result
  }

  /// Runs `body` on ranges that cover `0..<rows`; small work stays on the calling thread.
  func split(rows: Int, columns: Int, _ body: (Range<Int>) -> Void) {
    let rowsPerPiece = max(1, 16_384 / max(1, columns))
    let pieces = (rows + rowsPerPiece - 1) / rowsPerPiece
    parallel(pieces) { piece, _ in
      body(piece * rowsPerPiece..<min(rows, (piece + 1) * rowsPerPiece))
    }
  }
}
