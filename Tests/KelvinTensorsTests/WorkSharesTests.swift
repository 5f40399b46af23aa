import KelvinTensors
import Testing

@Suite("Work is cut into shares, large ones first")
struct WorkSharesTests {
  /// The lengths of all shares, in the order in which they are taken.
  private func lengths(of whole: Int, among threads: Int) -> [Int] {
    let shares = WorkShares(of: whole, among: threads)
    return (0..<shares.count).map { shares[$0].count }
  }

  @Test("a hundred rows among two threads: 30, 10, 5, 3 and 2 for each")
  func exact() {
    #expect(lengths(of: 100, among: 2) == [30, 30, 10, 10, 5, 5, 3, 3, 2, 2])
    let shares = WorkShares(of: 100, among: 2)
    #expect(shares[0] == 0..<30 && shares[1] == 30..<60 && shares[2] == 60..<70 && shares[9] == 98..<100)
  }

  @Test("one thread takes all of them, one after the other")
  func alone() {
    #expect(lengths(of: 100, among: 1) == [60, 20, 10, 6, 4])
    #expect(lengths(of: 1, among: 1) == [1, 0, 0, 0, 0])
  }

  @Test("no rows: every share is empty")
  func nothing() {
    #expect(lengths(of: 0, among: 1) == [0, 0, 0, 0, 0])
    #expect(lengths(of: 0, among: 3) == Array(repeating: 0, count: 15))
  }

  @Test("fewer rows than threads: one for each of the first threads")
  func few() {
    #expect(lengths(of: 3, among: 4) == [1, 1, 1] + Array(repeating: 0, count: 17))
    #expect(lengths(of: 4, among: 4) == [1, 1, 1, 1] + Array(repeating: 0, count: 16))
  }

  @Test("lengths are rounded up, and what that takes too much is missing at the end")
  func indivisible() {
    // 0.6 · 10 / 3 is 2 rows and every smaller part one, so that nothing is left for the last ones.
    #expect(lengths(of: 10, among: 3) == [2, 2, 2, 1, 1, 1, 1] + Array(repeating: 0, count: 8))
    // 9, 3, 1.5, 0.9 and 0.6 rows.
    #expect(lengths(of: 15, among: 1) == [9, 3, 2, 1, 0])
    // 10.2, 3.4, 1.7, 1.02 and 0.68.
    #expect(lengths(of: 17, among: 1) == [11, 4, 2, 0, 0])
    // 10.8, 3.6, 1.8, 1.08 and 0.72.
    #expect(lengths(of: 36, among: 2) == [11, 11, 4, 4, 2, 2, 2, 0, 0, 0])
  }

  @Test("every row is in one share, whatever the sizes, and no share is longer than the one before")
  func complete() {
    for threads in [1, 2, 3, 7, 16] {
      for whole in [0, 1, 2, 5, 31, 64, 97, 1000, 100_003] {
        let shares = WorkShares(of: whole, among: threads)
        #expect(shares.count == 5 * threads)
        var next = 0
        for index in 0..<shares.count {
          #expect(shares[index].lowerBound == next)
          next = shares[index].upperBound
          if index > 0 { #expect(shares[index].count <= shares[index - 1].count) }
        }
        #expect(next == whole)
      }
    }
  }
}
