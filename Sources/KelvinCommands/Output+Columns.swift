import Foundation

extension Output {
  /// A whole number in groups of three digits: `20 971 520 000`.
  static func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    let groups = stride(from: digits.count, to: 0, by: -3).map { end in String(digits[max(0, end - 3)..<end]) }
    return (number < 0 ? "-" : "") + groups.reversed().joined(separator: " ")
  }

  /// Bytes in decimal units, as memory is sold: `20.97 GB`.
  static func decimalBytes(_ count: Int) -> String {
    let units = [(1e18, "EB"), (1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
    guard let (size, unit) = units.first(where: { Double(count) >= $0.0 }) else { return "\(count) B" }
    return String(format: "%.2f %@", Double(count) / size, unit)
  }
}

extension String {
  /// The text with spaces behind it up to `width`, and at least one.
  func padding(to width: Int) -> String {
    self + String(repeating: " ", count: max(1, width - count))
  }
}
