/// What can go wrong while tensors are made from outside data.
public enum TensorError: Error, Hashable, CustomStringConvertible {
  /// The kernels named are not compiled in, or this processor cannot run them.
  case kernelsUnavailable(name: String, available: [String])
  /// A weight too large for the kernels' 32-bit sizes.
  case tooLarge(tensor: String, shape: [Int])
  /// A tensor that must be a matrix or vector and is not.
  case wrongRank(tensor: String, shape: [Int], expected: Int)
  /// The rows of a block format do not hold whole blocks.
  case raggedRows(tensor: String, columns: Int, format: WeightFormat)

  /// The error in one sentence.
  public var description: String {
    switch self {
    case .kernelsUnavailable(let name, let available):
      "kernels '\(name)' cannot run on this machine; available: \(available.joined(separator: ", "))"
    case .tooLarge(let tensor, let shape):
      "tensor '\(tensor)': shape \(shape) is larger than the 2^31 rows or columns that the kernels can address"
    case .wrongRank(let tensor, let shape, let expected):
      "tensor '\(tensor)': shape \(shape), expected \(expected) dimension(s)"
    case .raggedRows(let tensor, let columns, let format):
      "tensor '\(tensor)': \(columns) columns are not whole \(format.rawValue) blocks of \(format.blockLength)"
    }
  }
}
