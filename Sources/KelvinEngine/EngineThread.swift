import Foundation

/// The one thread that an engine's arithmetic runs on, so that it never blocks Swift's cooperative pool.
final class EngineThread: SerialExecutor {
  private let state = State()

  /// What the thread and the executor share; the thread must not keep the executor alive.
  private final class State: @unchecked Sendable {
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []
    private var isStopping = false

    func add(_ job: UnownedJob) {
      condition.withLock {
        jobs.append(job)
        condition.signal()
      }
    }

    func stop() {
      condition.withLock {
        isStopping = true
        condition.signal()
      }
    }

    /// The next job; `nil` when there is none and none will come.
    func next() -> UnownedJob? {
      condition.withLock {
        while jobs.isEmpty && !isStopping { condition.wait() }
        return jobs.isEmpty ? nil : jobs.removeFirst()
      }
    }
  }

  init() {
    let state = state
    // Taken here: an engine that is dropped at once is gone before its thread begins.
    let executor = asUnownedSerialExecutor()
    let thread = Thread {
      while let job = state.next() { job.runSynchronously(on: executor) }
    }
    thread.name = "kelvin-engine"
    thread.stackSize = 8 << 20
    thread.start()
  }

  deinit { state.stop() }

  func enqueue(_ job: consuming ExecutorJob) {
    state.add(UnownedJob(job))
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    UnownedSerialExecutor(ordinary: self)
  }
}
