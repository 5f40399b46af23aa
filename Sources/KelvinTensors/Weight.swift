/// A matrix of the model, `[rows, columns]`, packed once for the kernels and immutable from then on.
///
/// Quantised formats keep their codes and scales; see `kelvin_packing` in the C header for the order they lie in.
public final class Weight: Sendable {
  /// The tensor's name in the checkpoint.
  public let name: String
  /// Outputs of a multiplication.
  public let rows: Int
  /// Inputs of a multiplication.
  public let columns: Int
  /// The format of the file it came from.
  public let format: WeightFormat
  let panels: PackedPanels

  /// Packs a stored matrix, on all threads of `processor`, and lets go of the file's pages.
  /// - Parameters:
  ///   - stored: a matrix `[rows, columns]`.
  ///   - exact: keep every number as a 32-bit float.
  ///   - processor: whose threads pack.
  public init(_ stored: StoredTensor, exact: Bool = false, processor: Processor) throws(TensorError) {
    guard stored.shape.count == 2 else {
      throw .wrongRank(tensor: stored.name, shape: stored.shape, expected: 2)
    }
    let limit = Int(Int32.max) - 64
    guard stored.shape[0] > 0, stored.shape[1] > 0, stored.shape[0] <= limit, stored.shape[1] <= limit else {
      throw .tooLarge(tensor: stored.name, shape: stored.shape)
    }
    guard stored.shape[1].isMultiple(of: stored.format.blockLength) else {
      throw .raggedRows(tensor: stored.name, columns: stored.shape[1], format: stored.format)
    }
    name = stored.name
    rows = stored.shape[0]
    columns = stored.shape[1]
    format = stored.format
    panels = PackedPanels(stored, exact: exact, processor: processor)
  }

  /// Bytes in memory.
  public var bytes: Int { panels.bytes }
}

extension StoredTensor {
  /// The numbers of a small tensor (a bias, the gain of a norm) as 32-bit floats.
  public func floats() throws(TensorError) -> ContiguousArray<Float> {
    guard count.isMultiple(of: format.blockLength) else {
      throw .raggedRows(tensor: name, columns: count, format: format)
    }
    return PackedPanels.dequantised(self)
  }
}
