import CKelvinKernels

extension StoredTensor {
  /// What a product with this matrix must do, once it is packed.
  package struct ProductCost: Sendable, Hashable {
    /// Bytes of the packed matrix.
    package var bytes: Int
    /// Numbers in it.
    package var numbers: Int
    /// What it is multiplied as.
    package var kind: Kind
  }

  /// What the numbers of a packed matrix are; see `Kernels.Variant.roundsToHalves(_:rows:)` for what they are multiplied as.
  package enum Kind: Sendable {
    case codes, bfloats, halves, floats
  }

  /// The cost of a product with this matrix; `nil` for what is no matrix.
  package func productCost(exact: Bool) -> ProductCost? {
    guard shape.count == 2, let rows = Int32(exactly: shape[0]), let columns = Int32(exactly: shape[1]) else {
      return nil
    }
    let weight = kelvin_weight_for(format.kernelFormat, rows, columns, exact)
    let panels = (shape[0] + Int(KELVIN_PANEL) - 1) / Int(KELVIN_PANEL)
    return ProductCost(
      bytes: panels * weight.panel_bytes, numbers: shape[0] * shape[1],
      kind: weight.packing.kind)
  }
}

extension kelvin_packing {
  fileprivate var kind: StoredTensor.Kind {
    switch self {
    case KELVIN_PACKED_U4, KELVIN_PACKED_U8: .codes
    case KELVIN_PACKED_BF16: .bfloats
    case KELVIN_PACKED_F16: .halves
    default: .floats
    }
  }
}
