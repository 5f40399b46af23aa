/// Arithmetic on numbers that people type.
enum Checked {
  /// `nil` where a part is missing, or the bits do not hold the sum.
  static func sum<Number: FixedWidthInteger>(_ a: Number?, _ b: Number?) -> Number? {
    guard let a, let b else { return nil }
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? nil : sum
  }

  /// `nil` where a factor is missing, or the bits do not hold the product.
  static func product<Number: FixedWidthInteger>(_ factors: Number?...) -> Number? {
    factors.reduce(1 as Number?) { product, factor in
      guard let product, let factor else { return nil }
      let (value, overflow) = product.multipliedReportingOverflow(by: factor)
      return overflow ? nil : value
    }
  }
}
