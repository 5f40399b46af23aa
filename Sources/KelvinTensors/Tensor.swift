/// Activations: a matrix of 32-bit floats, row after row.
///
/// A `[T, H, D]` tensor is `T` rows of `H·D` columns. Operations make new tensors; the memory of dropped ones goes
/// round. A tensor stays on the thread that its processor is used on.
public struct Tensor {
  /// Tokens, as a rule.
  public let rows: Int
  /// Numbers of a row.
  public let columns: Int
  let buffer: Buffer
  /// What made the tensor, and where its memory returns.
  public let processor: Processor

  init(rows: Int, columns: Int, buffer: Buffer, processor: Processor) {
    self.rows = rows
    self.columns = columns
    self.buffer = buffer
    self.processor = processor
  }
}
