extension QueryStatistics {
  /// The sums, each in two words, the lower first.
  var fileWords: [UInt32] {
    (sums + products).flatMap { [UInt32(truncatingIfNeeded: $0.bitPattern), UInt32($0.bitPattern >> 32)] }
  }

  /// Numbers of `heads` query heads of `width` numbers.
  static func numbers(heads: Int, width: Int) -> Int { heads * width + heads * width * (width + 1) / 2 }

  /// Takes the statistics of `count` queries of `heads` heads from a file.
  init(count: Int, heads: Int, width: Int, from file: inout SectionReader) throws(CacheError) {
    let words = try file.words(.statistics, count: 2 * Self.numbers(heads: heads, width: width))
    let numbers = stride(from: 0, to: words.count, by: 2).map { place in
      Double(bitPattern: UInt64(words[place]) | UInt64(words[place + 1]) << 32)
    }
    if let odd = numbers.first(where: { !$0.isFinite }) {
      throw .impossible(
        section: Section.statistics.title, fact: "a sum", found: "\(odd)", expected: "a finite number")
    }
    self.init(
      count: count, sums: ContiguousArray(numbers[..<(heads * width)]),
      products: ContiguousArray(numbers[(heads * width)...]))
  }
}
