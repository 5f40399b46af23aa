/// How far numbers lie apart.
enum Spread {
  /// The middle number; 0 of none.
  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  /// The standard deviation; 0 of fewer than two.
  static func deviation(_ values: [Double]) -> Double {
    guard values.count > 1 else { return 0 }
    let mean = values.reduce(0, +) / Double(values.count)
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }

  /// The standard error that the median has if most of the numbers are normally distributed; 0 of fewer than two.
  static func errorOfMedian(_ values: [Double]) -> Double {
    guard values.count > 1 else { return 0 }
    let middle = median(values)
    let typical = 1.4826 * median(values.map { abs($0 - middle) })
    return typical * (Double.pi / 2 / Double(values.count)).squareRoot()
  }
}
