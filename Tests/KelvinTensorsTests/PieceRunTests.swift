import KelvinTensors
import Synchronization
import Testing

@Suite("Pieces in runs")
struct PieceRunTests {
  @Test("every piece is done once, on any number of threads", arguments: [1, 2, 3, 5], [0, 1, 2, 3, 4, 13, 500])
  func once(threads: Int, pieces: Int) throws {
    let processor = try Processor(threads: threads)
    let done = Mutex(Array(repeating: 0, count: pieces))
    for _ in 0..<20 {
      processor.parallelInRuns(pieces) { piece, worker in
        #expect((0..<threads).contains(worker))
        done.withLock { $0[piece] += 1 }
      }
    }
    #expect(done.withLock { $0 } == Array(repeating: 20, count: pieces))
  }

  @Test("each thread begins with a run of neighbours and goes on with the next of them")
  func neighbours() throws {
    let processor = try Processor(threads: 2)
    let taken = Mutex([[Int]](repeating: [], count: 2))
    let next = Mutex([[Int?]](repeating: [], count: 2))
    // Nobody helps the other before both have begun.
    let begun = Atomic<Int>(0)
    processor.parallelInRuns(10) { piece, worker in
      taken.withLock { $0[worker].append(piece) }
      next.withLock { $0[worker].append(processor.nextPiece(of: worker)) }
      if piece % 5 == 0 {
        begun.add(1, ordering: .relaxed)
        while begun.load(ordering: .relaxed) < 2 {}
      }
    }
    let (pieces, following) = (taken.withLock { $0 }, next.withLock { $0 })
    for worker in 0..<2 {
      let own = pieces[worker].prefix { $0 / 5 == worker }
      #expect(Array(own) == Array(worker * 5..<worker * 5 + own.count))
      #expect(following[worker].first == worker * 5 + 1)
      // Who is done takes what the other would have come to last.
      let others = pieces[worker].dropFirst(own.count)
      #expect(others.allSatisfy { $0 / 5 != worker })
      #expect(Array(others) == Array(others).sorted(by: >))
    }
    #expect((pieces[0] + pieces[1]).sorted() == Array(0..<10))
  }

  @Test("a thread alone does all of them in order, and knows the next")
  func alone() throws {
    let processor = try Processor(threads: 1)
    let order = Mutex<[[Int?]]>([])
    processor.parallelInRuns(3) { piece, worker in
      order.withLock { $0.append([piece, processor.nextPiece(of: worker)]) }
    }
    #expect(order.withLock { $0 } == [[0, 1], [1, 2], [2, nil]])
  }
}
