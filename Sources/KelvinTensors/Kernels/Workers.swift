import CKelvinKernels
import Foundation
import Synchronization

/// Threads that run the pieces of one operation at a time.
///
/// The caller is one of them. Pieces are handed out by a shared counter, so a piece must not depend on who runs it.
/// Between operations the others spin for a while (an operation of a decode step lasts a few microseconds, a sleep and
/// a wake-up longer than that), then sleep.
final class Workers: @unchecked Sendable {
  let count: Int
  /// Counts operations; a change of it is the signal to start.
  private let generation = Atomic<Int>(0)
  private let nextPiece = Atomic<Int>(0)
  private let working = Atomic<Int>(0)
  private let sleeping = Atomic<Int>(0)
  private let wake = NSCondition()
  /// What threads that wait may bring nearer.
  let foresight: Foresight
  /// Written by the caller before `generation` moves, read by the others after: never at the same time.
  private nonisolated(unsafe) var body: ((Int, Int) -> Void)?
  private nonisolated(unsafe) var pieces = 0
  private nonisolated(unsafe) var isStopping = false

  /// Roughly a fifth of a millisecond of `pause` instructions.
  private static let spins = 4_000

  init(count: Int) {
    self.count = max(1, count)
    foresight = Foresight(threads: self.count)
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
    pieces = 0
    start()
    waitForOthers()
  }

  /// Runs `body(piece, worker)` for every piece in `0..<pieces`, on all threads, and returns when the last is done.
  func run(_ pieces: Int, _ body: (_ piece: Int, _ worker: Int) -> Void) {
    guard count > 1, pieces > 1 else {
      for piece in 0..<pieces { body(piece, 0) }
      return
    }
    withoutActuallyEscaping(body) { escaping in
      self.body = escaping
      self.pieces = pieces
      start()
      takePieces(worker: 0, of: pieces, escaping)
      waitForOthers()
      self.body = nil
    }
  }

  private func start() {
    nextPiece.store(0, ordering: .relaxed)
    working.store(count - 1, ordering: .relaxed)
    generation.add(1, ordering: .sequentiallyConsistent)
    if sleeping.load(ordering: .sequentiallyConsistent) > 0 {
      wake.lock()
      wake.broadcast()
      wake.unlock()
    }
  }

  /// Waits until the last piece is done.
  ///
  /// On a busy machine the others may not even be running: after a while give way.
  private func waitForOthers() {
    var spins = 0
    while working.load(ordering: .acquiring) > 0 {
      spins += 1
      if spins < Self.spins { kelvin_pause() } else { sched_yield() }
    }
  }

  private func takePieces(worker: Int, of pieces: Int, _ body: (Int, Int) -> Void) {
    while true {
      let piece = nextPiece.add(1, ordering: .relaxed).oldValue
      guard piece < pieces else { return }
      body(piece, worker)
    }
  }

  private func serve(_ worker: Int) {
    var seen = 0
    while true {
      wait(worker, for: seen)
      seen += 1
      if isStopping {
        working.subtract(1, ordering: .releasing)
        return
      }
      if let body { takePieces(worker: worker, of: pieces, body) }
      working.subtract(1, ordering: .releasing)
    }
  }

  /// Cache lines that a waiting thread asks for: 256 KB fit the second cache beside what is in use.
  private static let linesAhead = 4_096

  private func wait(_ worker: Int, for seen: Int) {
    var address = foresight.next(of: worker)
    var (lines, spins) = (0, 0)
    while spins < Self.spins {
      if generation.load(ordering: .acquiring) != seen { return }
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
    while generation.load(ordering: .sequentiallyConsistent) == seen { wake.wait() }
    sleeping.subtract(1, ordering: .sequentiallyConsistent)
    wake.unlock()
  }
}

extension Workers {
  /// Processors that this process may run on.
  static var onlineProcessors: Int { ProcessInfo.processInfo.activeProcessorCount }
}
