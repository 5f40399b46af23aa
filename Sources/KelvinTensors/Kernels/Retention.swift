import Foundation

extension Tensor {
  /// `log σ(x) / divisor` of every number: the logarithms of gated retention's decays.
  public func logSigmoid(dividedBy divisor: Float) -> Tensor {
    let output = processor.tensor(rows: rows, columns: columns)
    for index in 0..<rows * columns {
      let x = pointer[index]
      // The exponent is never above 0, so that nothing overflows.
      output.pointer[index] = (min(x, 0) - log1p(exp(-abs(x)))) / divisor
    }
    return output
  }
}

/// Gated retention (YOCO, arXiv 2405.05254 §3.2): attention whose memory is one matrix per head.
extension Processor {
  /// Folds rows into the state and reads it, one after another.
  ///
  ///     S_t = γ_t · S_{t−1} + k_tᵀ v_t,  o_t = q_t S_t
  ///
  /// - Parameters:
  ///   - queries: `[T, H·Dk]`.
  ///   - keys: `[T, H·Dk]`.
  ///   - values: `[T, H·Dv]`.
  ///   - logDecays: `[T, H]`, the logarithms of `γ`.
  ///   - state: `[H·Dk, Dv]`, changed in place.
  ///   - heads: `H`.
  /// - Returns: `[T, H·Dv]`.
  public func retain(
    _ queries: Tensor, keys: Tensor, values: Tensor, logDecays: Tensor, state: Tensor, heads: Int
  ) -> Tensor {
    let output = zeros(rows: queries.rows, columns: values.columns)
    let keyWidth = keys.columns / heads
    let width = state.columns
    parallel(heads) { head, _ in
      let matrix = state.pointer + head * keyWidth * width
      for row in 0..<queries.rows {
        let decay = exp(logDecays.pointer[row * heads + head])
        let key = keys.pointer + row * keys.columns + head * keyWidth
        let query = queries.pointer + row * queries.columns + head * keyWidth
        let value = values.pointer + row * values.columns + head * width
        let out = output.pointer + row * output.columns + head * width
        kernels.multiply(matrix, by: decay, count: keyWidth * width)
        for channel in 0..<keyWidth {
          kernels.add(value, times: key[channel], to: matrix + channel * width, count: width)
          kernels.add(matrix + channel * width, times: query[channel], to: out, count: width)
        }
      }
    }
    return output
  }
}
