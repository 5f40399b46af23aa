import CKelvinKernels

extension Processor {
  /// `output[t]` = row `tokens[t]` of `weight`.
  func gather(_ tokens: [Int32], from weight: Weight, into output: Tensor) {
    split(rows: tokens.count, columns: weight.columns) { range in
      withUnsafePointer(to: weight.panels.weight) { shape in
        for row in range { kelvin_unpack_row(shape, tokens[row], output.pointer + row * output.columns) }
      }
    }
  }

  /// `output[t]` = `input[t]` normalised by its root mean square, times `gain + offset`.
  func rmsNormalise(_ input: Tensor, gain: ContiguousArray<Float>, offset: Float, epsilon: Float, into output: Tensor) {
    let width = gain.count
    let table = kernels.table
    let norms = input.rows * input.columns / width
    gain.withUnsafeBufferPointer { gain in
      nonisolated(unsafe) let gain = gain
      split(rows: norms, columns: width) { range in
        for row in range {
          table.pointee.rms_norm(
            input.pointer + row * width, gain.baseAddress, offset, epsilon, Int32(width), output.pointer + row * width)
        }
      }
    }
  }

  /// `output` = `a + b`, element by element.
  func add(_ a: Tensor, _ b: Tensor, into output: Tensor) {
    let table = kernels.table
    split(rows: a.rows, columns: a.columns) { range in
      let start = range.lowerBound * a.columns
      table.pointee.add(a.pointer + start, b.pointer + start, range.count * a.columns, output.pointer + start)
    }
  }

  /// `output` = `silu(gate) · up`, element by element.
  func siluMultiply(gate: Tensor, up: Tensor, into output: Tensor) {
    let table = kernels.table
    split(rows: gate.rows, columns: gate.columns) { range in
      let start = range.lowerBound * gate.columns
      table.pointee.silu_multiply(
        gate.pointer + start, up.pointer + start, range.count * gate.columns, output.pointer + start)
    }
  }

  /// A copy of `tensor` whose heads are turned from channel `first` of a head on, every row by angles of its own.
  ///
  /// `cosines` and `sines` are `[rows, pairs]`.
  public func rotated(
    _ tensor: Tensor, heads: Int, width: Int, first: Int = 0, cosines: ContiguousArray<Float>,
    sines: ContiguousArray<Float>, adjacent: Bool
  ) -> Tensor {
    let pairs = tensor.rows == 0 ? 0 : cosines.count / tensor.rows
    let table = kernels.table
    return copy(of: tensor) { row, index in
      cosines.withUnsafeBufferPointer { cosines in
        sines.withUnsafeBufferPointer { sines in
          guard let cosine = cosines.baseAddress, let sine = sines.baseAddress else { return }
          for head in 0..<heads {
            table.pointee.rotate(
              row + head * width + first, cosine + index * pairs, sine + index * pairs, Int32(pairs), adjacent)
          }
        }
      }
    }
  }

  /// A copy of `tensor`, every row changed by `body` while it lies in the first cache.
  private func copy(of tensor: Tensor, _ body: (_ row: UnsafeMutablePointer<Float>, _ index: Int) -> Void) -> Tensor {
    let result = self.tensor(rows: tensor.rows, columns: tensor.columns)
    split(rows: tensor.rows, columns: tensor.columns) { range in
      for index in range {
        let row = result.pointer + index * tensor.columns
        row.update(from: tensor.pointer + index * tensor.columns, count: tensor.columns)
        body(row, index)
      }
    }
    return result
  }
}

extension Processor {
  /// Spreads every head of every row of `tensor` over its neighbours, in place.
  ///
  /// Each 64 numbers, or 32 where `width` is no multiple of 64, are multiplied by the normalised Walsh-Hadamard matrix. Twice
  /// is nothing, and the product of two rows stays. `width` is a multiple of 32.
  public func hadamard(_ tensor: Tensor, width: Int) {
    split(rows: tensor.rows, columns: tensor.columns) { range in
      for row in range { spread(tensor.pointer + row * tensor.columns, columns: tensor.columns, width: width) }
    }
  }

  /// A copy of `tensor` that `hadamard` has spread.
  public func spread(_ tensor: Tensor, width: Int) -> Tensor {
    copy(of: tensor) { row, _ in spread(row, columns: tensor.columns, width: width) }
  }

  private func spread(_ row: UnsafeMutablePointer<Float>, columns: Int, width: Int) {
    for head in stride(from: 0, to: columns, by: width) { kernels.table.pointee.hadamard(row + head, Int32(width)) }
  }
}

extension Processor {
  /// Sets one channel of every head of every row to zero, in place.
  public func clear(channel: Int, of tensor: Tensor, width: Int) {
    for row in 0..<tensor.rows {
      for head in stride(from: 0, to: tensor.columns, by: width) {
        tensor.pointer[row * tensor.columns + head + channel] = 0
      }
    }
  }
}
