import CKelvinKernels

/// One product of a multiplication pass: rows of `output` are `input · weightᵀ + bias`.
struct Product {
  var weight: Weight
  var bias: ContiguousArray<Float>?
  var output: Tensor

  /// Runs `body` on what threads read of the product.
  fileprivate func withView(_ body: (ProductView) -> Void) {
    let columns = output.columns
    guard let bias else {
      body(ProductView(weight: weight.panels.weight, bias: nil, output: output.pointer, stride: columns))
      return
    }
    bias.withUnsafeBufferPointer {
      body(
        ProductView(weight: weight.panels.weight, bias: $0.baseAddress, output: output.pointer, stride: columns))
    }
  }
}

/// What threads read of a product, which owns all of it.
///
/// Nothing here counts references: threads that take hold of the same object, to let it go again, wait for each other.
struct ProductView {
  let weight: kelvin_weight
  let bias: UnsafePointer<Float>?
  let output: UnsafeMutablePointer<Float>
  /// Numbers from row to row of the output.
  let stride: Int

  var panelCount: Int { weight.panelCount }

  /// Where a panel lies.
  fileprivate func address(ofPanel panel: Int) -> UInt { UInt(bitPattern: weight.data + panel * weight.panel_bytes) }
}

extension Processor {
  /// Multiplies `input` by several weights in one pass over the threads, so that its int8 form is made once.
  ///
  /// They lie on the stack meanwhile: a step makes four such passes a layer.
  func multiply(_ input: Tensor, _ first: Product, _ second: Product? = nil, _ third: Product? = nil) {
    withUnsafeTemporaryAllocation(of: ProductView.self, capacity: 3) { room in
      func with(_ product: Product?, at index: Int, _ body: (_ count: Int) -> Void) {
        guard let product else { return body(index) }
        product.withView {
          room.initializeElement(at: index, to: $0)
          body(index + 1)
        }
      }
      with(first, at: 0) { count in
        with(second, at: count) { count in
          with(third, at: count) { multiply(input, UnsafeBufferPointer(rebasing: room[..<$0])) }
        }
      }
    }
  }

  private func multiply(_ input: Tensor, _ products: UnsafeBufferPointer<ProductView>) {
    let isLong = input.rows >= Self.manyTokens
    let isHalved = isLong && kernels.table.pointee.halve != nil
    let activations = input.activations(
      quantised: products.contains { $0.weight.isQuantised && !(isHalved && kernels.rounds($0.weight)) },
      halved: isHalved && products.contains { kernels.rounds($0.weight) })
    let (rows, table) = (input.rows, kernels.table)
    if isLong {
      let parts = parts(of: products, rows: rows)
      parallel(parts.count) { index, _ in
        let part = parts[index]
        let multiply = part.isRounded ? table.pointee.multiply_rounded : table.pointee.multiply
        products[part.product].multiply(activations, by: multiply, rows: part.rows, panels: part.panels)
      }
      return
    }
    let shares = WorkShares(of: products.reduce(0) { $0 + $1.panelCount }, among: threads)
    workers.foresight.note(products.address(ofPanel: 0)) {
      (0..<threads).map { products.address(ofPanel: shares[$0].lowerBound) }
    }
    defer { workers.foresight.tell() }
    parallel(shares.count) { piece, _ in
      let share = shares[piece]
      var first = 0
      for product in products {
        let part = share.clamped(to: first..<first + product.panelCount)
        if !part.isEmpty {
          product.multiply(
            activations, by: table.pointee.multiply, rows: 0..<rows,
            panels: part.lowerBound - first..<part.upperBound - first)
        }
        first += product.panelCount
      }
    }
  }
}

extension ProductView {
  /// The part of the product that belongs to some rows of the input and some panels of the weight.
  fileprivate func multiply(
    _ activations: kelvin_activations, by multiply: ProductKernel?, rows: Range<Int>, panels: Range<Int>
  ) {
    guard let multiply else { preconditionFailure("no kernel for a product of \(rows.count) rows") }
    withUnsafePointer(to: weight) { weight in
      withUnsafePointer(to: activations.dropping(rows.lowerBound, columns: Int(weight.pointee.columns))) {
        multiply(
          weight, $0, Int32(rows.count), Int32(panels.lowerBound), Int32(panels.upperBound), bias,
          output + rows.lowerBound * stride, stride)
      }
    }
  }
}

/// `multiply` and `multiply_rounded` of the table.
private typealias ProductKernel =
  @convention(c) (
    UnsafePointer<kelvin_weight>?, UnsafePointer<kelvin_activations>?, Int32, Int32, Int32, UnsafePointer<Float>?,
    UnsafeMutablePointer<Float>?, Int
  ) -> Void

extension kelvin_activations {
  /// The rows from `row` on.
  fileprivate func dropping(_ row: Int, columns: Int) -> kelvin_activations {
    let padded = (columns + 31) / 32 * 32
    var rest = self
    rest.values += row * stride
    if rest.codes != nil {
      rest.codes += row * padded
      rest.scales += row * (padded / 32)
      rest.sums += row * (padded / 16)
    }
    if rest.halves != nil { rest.halves += row * padded }
    return rest
  }
}

extension UnsafeBufferPointer<ProductView> {
  /// Where the panels from number `panel` on lie, counted through all weights; 0 behind the last.
  fileprivate func address(ofPanel panel: Int) -> UInt {
    var panel = panel
    for product in self {
      if panel < product.panelCount { return product.address(ofPanel: panel) }
      panel -= product.panelCount
    }
    return 0
  }
}

extension kelvin_weight {
  var panelCount: Int { (Int(rows) + Int(KELVIN_PANEL) - 1) / Int(KELVIN_PANEL) }

  /// Whether products read the int8 form of their input.
  var isQuantised: Bool { packing == KELVIN_PACKED_U4 || packing == KELVIN_PACKED_U8 }
}

extension Kernels {
  /// Whether `multiply_rounded` takes a weight.
  func rounds(_ weight: kelvin_weight) -> Bool { table.pointee.rounded_packings >> weight.packing.rawValue & 1 == 1 }
}
