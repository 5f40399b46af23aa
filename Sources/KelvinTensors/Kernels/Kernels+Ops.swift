import CKelvinKernels

/// One product of a multiplication pass: rows of `output` are `input · weightᵀ + bias`.
struct Product {
  var weight: Weight
  var bias: ContiguousArray<Float>?
  var output: Tensor
}

extension Processor {
  /// Multiplies `input` by several weights in one pass over the threads, so that its int8 form is made once.
  ///
  /// They lie on the stack meanwhile: a step makes four such passes a layer.
  func multiply(_ input: Tensor, _ first: Product, _ second: Product? = nil, _ third: Product? = nil) {
    withUnsafeTemporaryAllocation(of: Product.self, capacity: 3) { room in
      var count = 0
      func take(_ product: Product?) {
        guard let product else { return }
        room.initializeElement(at: count, to: product)
        count += 1
      }
      take(first)
      take(second)
      take(third)
      let products = UnsafeMutableBufferPointer(rebasing: room[..<count])
      multiply(input, UnsafeBufferPointer(products))
      products.deinitialize()
    }
  }

  private func multiply(_ input: Tensor, _ products: UnsafeBufferPointer<Product>) {
    let isLong = input.rows >= Self.manyTokens
    let readsValues = isLong && kernels.table.pointee.rounds_values
    let quantised = products.contains {
      $0.weight.panels.isQuantised && !(readsValues && kernels.rounds($0.weight.panels))
    }
    let activations = input.activations(quantised: quantised)
    if isLong {
      let parts = parts(of: Array(products), rows: input.rows)
      parallel(parts.count) { index, _ in
        let part = parts[index]
        multiply(activations, products[part.product], rows: part.rows, panels: part.panels, rounded: part.isRounded)
      }
      return
    }
    let panels = products.reduce(0) { $0 + $1.weight.panels.panelCount }
    let shares = WorkShares(of: panels, among: threads)
    workers.foresight.note(products.address(ofPanel: 0)) {
      (0..<threads).map { products.address(ofPanel: shares[$0].lowerBound) }
    }
    defer { workers.foresight.tell() }
    parallel(shares.count) { piece, _ in
      let share = shares[piece]
      var first = 0
      // By number: threads that take hold of the same product, to let it go again, wait for each other.
      for index in products.indices {
        let panels = products[index].weight.panels.panelCount
        let part = share.clamped(to: first..<first + panels)
        if !part.isEmpty {
          multiply(
            activations, products[index], rows: 0..<input.rows,
            panels: part.lowerBound - first..<part.upperBound - first)
        }
        first += panels
      }
    }
  }

  /// The part of a product that belongs to some rows of the input and some panels of the weight.
  private func multiply(
    _ activations: kelvin_activations, _ product: Product, rows: Range<Int>, panels: Range<Int>, rounded: Bool = false
  ) {
    let multiply = rounded ? kernels.table.pointee.multiply_rounded : kernels.table.pointee.multiply
    guard let multiply else { preconditionFailure("\(kernels.name) rounds no weights") }
    let stride = product.output.columns
    let output = product.output.pointer + rows.lowerBound * stride
    withUnsafePointer(to: product.weight.panels.weight) { weight in
      withUnsafePointer(to: activations.dropping(rows.lowerBound, columns: product.weight.columns)) { activations in
        let (count, first, last) = (Int32(rows.count), Int32(panels.lowerBound), Int32(panels.upperBound))
        guard let bias = product.bias else {
          multiply(weight, activations, count, first, last, nil, output, stride)
          return
        }
        bias.withUnsafeBufferPointer {
          multiply(weight, activations, count, first, last, $0.baseAddress, output, stride)
        }
      }
    }
  }

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
    return rest
  }
}

extension UnsafeBufferPointer<Product> {
  /// Where the panels from number `panel` on lie, counted through all weights; 0 behind the last.
  fileprivate func address(ofPanel panel: Int) -> UInt {
    var panel = panel
    for product in self {
      let panels = product.weight.panels
      if panel < panels.panelCount { return UInt(bitPattern: panels.weight.data + panel * panels.weight.panel_bytes) }
      panel -= panels.panelCount
    }
    return 0
  }
}

extension PackedPanels {
  /// Whether products read the int8 form of their input.
  var isQuantised: Bool { weight.packing == KELVIN_PACKED_U4 || weight.packing == KELVIN_PACKED_U8 }
}

extension Kernels {
  /// Whether `multiply_rounded` takes a weight.
  func rounds(_ panels: PackedPanels) -> Bool {
    table.pointee.rounded_packings >> panels.weight.packing.rawValue & 1 == 1
  }
}
