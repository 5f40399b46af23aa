/// Consecutive parts of a row of equal things, large ones first and small ones last.
///
/// Threads that take them one after the other read long runs of memory, and none waits long for the last.
package struct WorkShares {
  private let starts: [Int]

  /// Of every size there is a part for each thread, then the next smaller size follows.
  private static let sizes = [0.6, 0.2, 0.1, 0.06, 0.04]

  /// Cuts `0..<whole` for `threads` threads.
  package init(of whole: Int, among threads: Int) {
    var starts = [0]
    starts.reserveCapacity(1 + Self.sizes.count * threads)
    for size in Self.sizes {
      let part = max(1, Int(size * Double(whole) / Double(threads)))
      for _ in 0..<threads { starts.append(min(whole, starts[starts.count - 1] + part)) }
    }
    starts[starts.count - 1] = whole
    self.starts = starts
  }

  /// How many parts there are; some may be empty.
  package var count: Int { starts.count - 1 }

  /// Part `index`; thread `t` begins with part `t`, as a rule.
  package subscript(index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }
}
