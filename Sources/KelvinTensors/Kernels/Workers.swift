import CKelvinKernels
import Foundation
import Synchronization

/// Threads that run the pieces of one operation at a time.
///
/// The caller is one of them. Pieces are handed out by a shared counter, so a piece must not depend on who runs it.
/// Between operations the others spin for a while (an operation of a decode step lasts a few microseconds, a sleep and
/// a wake-up longer than that), then sleep.
///
/// The caller waits for threads that have taken a piece, not for threads: one that another program keeps from running
/// joins too late and finds the operation closed.
final class Workers: @unchecked Sendable {
  let count: Int
  /// The operation that goes on and who has joined it.
  private let operation = Atomic<Int>(0)
  private let nextPiece = Atomic<Int>(0)
  /// The pieces that each thread begins with, where neighbouring pieces have more in common than others.
  private let runs: [PieceRun]
  /// Threads that have not ended, the caller not counted.
  private let living: Atomic<Int>
  private let sleeping = Atomic<Int>(0)
  private let wake = NSCondition()
  /// What threads that wait may bring nearer.
  let foresight: Foresight
  /// Written by the caller before an operation opens, read by who has joined it: never at the same time.
  private nonisolated(unsafe) var body: ((Int, Int) -> Void)?
  private nonisolated(unsafe) var pieces = 0
  private nonisolated(unsafe) var isInRuns = false
  private nonisolated(unsafe) var isStopping = false

  /// Roughly a fifth of a millisecond of `pause` instructions.
  private static let spins = 4_000

  init(count: Int) {
    self.count = max(1, count)
    foresight = Foresight(threads: self.count)
    runs = (0..<self.count).map { _ in PieceRun() }
    living = Atomic(self.count - 1)
    for worker in stride(from: 1, to: self.count, by: 1) {
      let thread = Thread { [unowned(unsafe) self] in serve(worker) }
      thread.name = "kelvin-worker-\(worker)"
      thread.stackSize = 4 << 20
      thread.start()
    }
  }

  /// Ends the threads; no operation may be running.
  func stop() {
    guard count > 1, !isStopping else { return }
    isStopping = true
    open()
    wait { living.load(ordering: .acquiring) > 0 }
  }

  /// Runs `body(piece, worker)` for every piece in `0..<pieces`, on all threads, and returns when the last is done.
  /// - Parameter inRuns: whether each thread begins with a run of its own, and helps the others from behind when it is done with
  ///   it; otherwise threads take turns.
  func run(_ pieces: Int, inRuns: Bool = false, _ body: (_ piece: Int, _ worker: Int) -> Void) {
    guard count > 1, pieces > 1 else {
      guard inRuns else {
        for piece in 0..<pieces { body(piece, 0) }
        return
      }
      runs[0].begin(0..<pieces)
      while let piece = runs[0].takeFirst() { body(piece, 0) }
      return
    }
    withoutActuallyEscaping(body) { escaping in
      self.body = escaping
      self.pieces = pieces
      isInRuns = inRuns
      if inRuns { for (worker, run) in runs.enumerated() { run.begin(share(of: pieces, worker)) } }
      open()
      takePieces(worker: 0, of: pieces, escaping)
      operation.bitwiseAnd(~Operation.isOpen, ordering: .acquiringAndReleasing)
      wait { operation.load(ordering: .acquiring) & Operation.joined > 0 }
      self.body = nil
    }
  }

  private func open() {
    nextPiece.store(0, ordering: .relaxed)
    let latest = operation.load(ordering: .relaxed)
    operation.store(
      (latest & ~Operation.isOpen &+ Operation.next) | Operation.isOpen, ordering: .sequentiallyConsistent)
    if sleeping.load(ordering: .sequentiallyConsistent) > 0 {
      wake.lock()
      wake.broadcast()
      wake.unlock()
    }
  }

  /// Waits while `condition` holds.
  ///
  /// On a busy machine the others may not even be running: after a while give way.
  private func wait(while condition: () -> Bool) {
    var spins = 0
    while condition() {
      spins += 1
      if spins < Self.spins { kelvin_pause() } else { sched_yield() }
    }
  }

  /// The piece that `worker` takes next, as a rule, where pieces are taken in runs; `nil`: none of its own.
  func nextPiece(of worker: Int) -> Int? { runs[worker].first }

  private func share(of pieces: Int, _ worker: Int) -> Range<Int> {
    pieces * worker / count..<pieces * (worker + 1) / count
  }

  private func takePieces(worker: Int, of pieces: Int, _ body: (Int, Int) -> Void) {
    guard !isInRuns else {
      while let piece = runs[worker].takeFirst() { body(piece, worker) }
      for other in 1..<count {
        while let piece = runs[(worker + other) % count].takeLast() { body(piece, worker) }
      }
      return
    }
    while true {
      let piece = nextPiece.add(1, ordering: .relaxed).oldValue
      guard piece < pieces else { return }
      body(piece, worker)
    }
  }

  private func serve(_ worker: Int) {
    var latest = 0
    while true {
      wait(worker, after: latest)
      guard let number = join() else { continue }
      latest = number
      if isStopping { break }
      if let body { takePieces(worker: worker, of: pieces, body) }
      operation.subtract(1, ordering: .releasing)
    }
    living.subtract(1, ordering: .releasing)
  }

  /// Joins the operation that goes on.
  /// - Returns: its number; `nil` where it is closed.
  private func join() -> Int? {
    var state = operation.load(ordering: .relaxed)
    while state & Operation.isOpen != 0 {
      let (exchanged, original) = operation.weakCompareExchange(
        expected: state, desired: state + 1, ordering: .acquiringAndReleasing)
      if exchanged { return Operation.number(state) }
      state = original
    }
    return nil
  }

  private func isWaitedFor(after latest: Int) -> Bool {
    let state = operation.load(ordering: .sequentiallyConsistent)
    return state & Operation.isOpen != 0 && Operation.number(state) != latest
  }

  /// Cache lines that a waiting thread asks for: 256 KB fit the second cache beside what is in use.
  private static let linesAhead = 4_096

  private func wait(_ worker: Int, after latest: Int) {
    var address = foresight.next(of: worker)
    var (lines, spins) = (0, 0)
    while spins < Self.spins {
      if isWaitedFor(after: latest) { return }
      if address != 0, lines < Self.linesAhead {
        // Asking takes far less time than a pause, and is not counted as one: who goes to sleep too early wakes up late.
        kelvin_ask(address)
        address += 64
        lines += 1
      } else {
        kelvin_pause()
        spins += 1
        if address == 0 { address = foresight.next(of: worker) }
      }
    }
    wake.lock()
    sleeping.add(1, ordering: .sequentiallyConsistent)
    // Once: an operation may be over before a thread is awake, and the next one must find it waiting, not asleep again.
    if !isWaitedFor(after: latest) { wake.wait() }
    sleeping.subtract(1, ordering: .sequentiallyConsistent)
    wake.unlock()
  }
}

/// What the state of an operation holds: its number, whether threads may join, and how many have and are not done.
private enum Operation {
  static let next = 1 << 17
  static let isOpen = 1 << 16
  static let joined = isOpen - 1

  static func number(_ state: Int) -> Int { state >> 17 }
}

extension Workers {
  /// Processors that this process may run on.
  static var onlineProcessors: Int { ProcessInfo.processInfo.activeProcessorCount }
}
