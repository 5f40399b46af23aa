/// Activations: a matrix of 32-bit floats, row after row.
///
/// A `[T, H, D]` tensor is `T` rows of `H·D` columns. Operations make new tensors; the memory of dropped ones goes
/// round. A tensor stays on the thread that its processor is used on.
public struct Tensor {
  public let rows: Int
  public let columns: Int
  let buffer: Buffer
  public let processor: Processor

  init(rows: Int, columns: Int, buffer: Buffer, processor: Processor) {
    self.rows = rows
    self.columns = columns
    self.buffer = buffer
    self.processor = processor
  }
}
