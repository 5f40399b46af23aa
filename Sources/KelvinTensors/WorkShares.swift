/// Consecutive parts of a row of equal things, large ones first and small ones last.
///
/// Threads that take them one after the other read long runs of memory, and none waits long for the last: lengths are rounded up,
/// so that nothing is left over for it. Rounded down, 5 of 36 panels were.
package struct WorkShares {
  private let whole, threads: Int

  /// Of every size there is a part for each thread, then the next smaller size follows.
  private static let sizes = [0.6, 0.2, 0.1, 0.06, 0.04]

  /// Cuts `0..<whole` for `threads` threads.
  package init(of whole: Int, among threads: Int) {
    self.whole = whole
    self.threads = threads
  }

  /// How many parts there are; some may be empty.
  package var count: Int { Self.sizes.count * threads }

  /// Part `index`; thread `t` begins with part `t`, as a rule.
  package subscript(index: Int) -> Range<Int> { start(of: index)..<start(of: index + 1) }

  /// Computed rather than kept: a step makes thousands of parts, and none of them asks for memory.
  private func start(of index: Int) -> Int {
    var (start, parts) = (0, index)
    for size in Self.sizes where parts > 0 {
      start += min(parts, threads) * Int((size * Double(whole) / Double(threads)).rounded(.up))
      parts -= threads
    }
    return min(whole, start)
  }
}
