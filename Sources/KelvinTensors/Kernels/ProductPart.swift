import CKelvinKernels

/// Some rows of the input of a product with many tokens, and some panels of its weight: what a thread takes at a time.
struct ProductPart {
  /// The number of the product in its pass.
  let product: Int
  let rows: Range<Int>
  let panels: Range<Int>
  /// Whether codes of the weight are rounded to bytes first.
  let isRounded: Bool
}

extension Processor {
  /// Rows of an input from which products are cut into `ProductPart`s, and from which to round a weight pays.
  ///
  /// To round 16 rows of a block takes 90 instructions and saves 2 a token: it pays beyond 45 tokens, by half at 96.
  package static var manyTokens: Int { 96 }

  /// Rows of a part that is cut by rows: two tiles of the widest kernel.
  ///
  /// A tile of activations is put in order once for all panels then; cut by panels it was done once for every 64 KB of
  /// weights, which took 10 % of a prompt's cycles.
  private static var rowsOfPart: Int { 24 }

  /// Panels of a part that is cut by panels: rounded, those of 576 columns take the 256 KB that the kernel rounds at once.
  ///
  /// A tile of activations is put in order once for each part, so parts are as large as threads can share.
  private static var panelsOfPart: Int { 28 }

  /// Cuts products by rows where there are enough for all threads; by panels where weights are rounded, so that it is
  /// done once.
  func parts(of products: UnsafeBufferPointer<ProductView>, rows: Int) -> [ProductPart] {
    var parts: [ProductPart] = []
    let all = products.reduce(0) { $0 + $1.panelCount }
    // Twice as many as threads at least, so that nobody waits long for the last.
    let panelsOfPart = min(Self.panelsOfPart, (all + 2 * threads - 1) / (2 * threads))
    for (index, product) in products.enumerated() {
      let (panels, isRounded) = (product.panelCount, kernels.rounds(product.weight))
      if !isRounded && rows >= 2 * threads * Self.rowsOfPart {
        for part in (0..<rows).parts(of: Self.rowsOfPart) {
          parts.append(ProductPart(product: index, rows: part, panels: 0..<panels, isRounded: false))
        }
      } else {
        for part in (0..<panels).parts(of: panelsOfPart) {
          parts.append(ProductPart(product: index, rows: 0..<rows, panels: part, isRounded: isRounded))
        }
      }
    }
    return parts
  }
}

extension Range<Int> {
  /// Neighbouring parts of `length`, the last perhaps shorter.
  fileprivate func parts(of length: Int) -> some Sequence<Range<Int>> {
    stride(from: lowerBound, to: upperBound, by: length).lazy.map { $0..<Swift.min($0 + length, upperBound) }
  }
}
