import CKelvinKernels

extension Processor {
  /// `output[t]` = `input[t]` normalised by its mean and deviation, times `gain`, plus `bias`.
  func layerNormalise(
    _ input: Tensor, gain: ContiguousArray<Float>, bias: ContiguousArray<Float>, epsilon: Float, into output: Tensor
  ) {
    let width = input.columns
    let table = kernels.table
    gain.withUnsafeBufferPointer { gain in
      bias.withUnsafeBufferPointer { bias in
        nonisolated(unsafe) let (gain, bias) = (gain, bias)
        split(rows: input.rows, columns: width) { range in
          for row in range {
            table.pointee.layer_norm(
              input.pointer + row * width, gain.baseAddress, bias.baseAddress, epsilon, Int32(width),
              output.pointer + row * width)
          }
        }
      }
    }
  }

  /// `output` = `gelu(input)`, element by element.
  func gelu(_ input: Tensor, into output: Tensor) {
    let table = kernels.table
    split(rows: input.rows, columns: input.columns) { range in
      let start = range.lowerBound * input.columns
      table.pointee.gelu(input.pointer + start, range.count * input.columns, output.pointer + start)
    }
  }

  /// `output` = `gelu(gate) · up`, element by element.
  func geluMultiply(gate: Tensor, up: Tensor, into output: Tensor) {
    let table = kernels.table
    split(rows: gate.rows, columns: gate.columns) { range in
      let start = range.lowerBound * gate.columns
      table.pointee.gelu_multiply(
        gate.pointer + start, up.pointer + start, range.count * gate.columns, output.pointer + start)
    }
  }

  /// Multiplies `tensor` by `factor` in place.
  func scale(_ tensor: Tensor, by factor: Float) {
    let table = kernels.table
    split(rows: tensor.rows, columns: tensor.columns) { range in
      table.pointee.multiply_by(
        tensor.pointer + range.lowerBound * tensor.columns, factor, range.count * tensor.columns)
    }
  }

  /// `tensor` = `limit · tanh(tensor / limit)`, in place.
  func softcap(_ tensor: Tensor, limit: Float) {
    let table = kernels.table
    split(rows: tensor.rows, columns: tensor.columns) { range in
      for row in range {
        table.pointee.softcap(tensor.pointer + row * tensor.columns, limit, Int32(tensor.columns))
      }
    }
  }
}
