/// Ends a text at the first of several strings, without ever emitting a part of one.
///
/// Text is held back while its end could be the beginning of a stop string.
public struct StopStrings: Sendable {
  private let strings: [String]
  private var pending = ""

  /// Watches for `strings`.
  public init(_ strings: [String]) {
    self.strings = strings.filter { !$0.isEmpty }
  }

  /// Takes more text.
  /// - Returns: what may be shown now, and whether a stop string was found (which is not shown, nor anything after it).
  public mutating func push(_ text: String) -> (shown: String, isStopped: Bool) {
    guard !strings.isEmpty else { return (text, false) }
    pending += text
    // The first to be complete, so that it does not matter in what pieces the text comes; of those the longest.
    let found = strings.compactMap { Self.firstRange(of: $0, in: pending) }
      .min { ($0.upperBound, $0.lowerBound) < ($1.upperBound, $1.lowerBound) }
    if let found {
      let shown = String(pending[..<found.lowerBound])
      pending = ""
      return (shown, true)
    }
    let held = strings.map { heldBack(by: $0) }.max() ?? 0
    let shown = String(pending.unicodeScalars.dropLast(held))
    pending = String(String.UnicodeScalarView(pending.unicodeScalars.suffix(held)))
    return (shown, false)
  }

  /// What was held back when the text ends by itself.
  public mutating func finish() -> String {
    defer { pending = "" }
    return pending
  }

  /// How many scalars at the end of the text are a beginning of `string`.
  private func heldBack(by string: String) -> Int {
    let text = pending.unicodeScalars
    let stop = Array(string.unicodeScalars)
    for count in stride(from: min(stop.count - 1, text.count), to: 0, by: -1)
    where text.suffix(count).elementsEqual(stop.prefix(count)) {
      return count
    }
    return 0
  }

  private static func firstRange(of stop: String, in text: String) -> Range<String.Index>? {
    let scalars = text.unicodeScalars
    let wanted = Array(stop.unicodeScalars)
    var start = scalars.startIndex
    while let first = scalars[start...].firstIndex(of: wanted[0]) {
      let rest = scalars[first...]
      if rest.starts(with: wanted) { return first..<scalars.index(first, offsetBy: wanted.count) }
      start = scalars.index(after: first)
    }
    return nil
  }
}
