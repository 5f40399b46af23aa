extension Tensor {
  /// `self · weightᵀ + bias`: `[T, columns]` → `[T, weight.rows]`.
  ///
  /// Each output is summed over the columns in order, whatever the number of rows or threads.
  public func multiplied(by weight: Weight, bias: ContiguousArray<Float>? = nil) -> Tensor {
    let product = self.product(weight, bias)
    processor.multiply(self, product)
    return product.output
  }

  /// Two products of the same rows in one pass.
  public func multiplied(
    by first: Weight, _ second: Weight, biases: (ContiguousArray<Float>?, ContiguousArray<Float>?) = (nil, nil)
  ) -> (Tensor, Tensor) {
    let products = (product(first, biases.0), product(second, biases.1))
    processor.multiply(self, products.0, products.1)
    return (products.0.output, products.1.output)
  }

  /// Three products of the same rows in one pass.
  public func multiplied(
    by first: Weight, _ second: Weight, _ third: Weight,
    biases: (ContiguousArray<Float>?, ContiguousArray<Float>?, ContiguousArray<Float>?) = (nil, nil, nil)
  ) -> (Tensor, Tensor, Tensor) {
    let products = (product(first, biases.0), product(second, biases.1), product(third, biases.2))
    processor.multiply(self, products.0, products.1, products.2)
    return (products.0.output, products.1.output, products.2.output)
  }

  private func product(_ weight: Weight, _ bias: ContiguousArray<Float>?) -> Product {
    precondition(
      columns == weight.columns, "\(weight.name): [\(rows), \(columns)] × [\(weight.rows), \(weight.columns)]ᵀ")
    return Product(weight: weight, bias: bias, output: processor.tensor(rows: rows, columns: weight.rows))
  }
}
