import Foundation
import Synchronization

/// Ctrl-C, the end of the terminal, a polite end from outside (SIGINT, SIGHUP, SIGTERM): the first asks for a clean end at the
/// next step, the second ends the process.
final class Interruption {
  /// The signal that asked first in this process; 0: none has.
  static let received = Atomic<Int32>(0)
  /// Whether the process is to end, and not only what it is doing, as after Ctrl-C in a chat.
  static var endsProcess: Bool { ![0, SIGINT].contains(received.load(ordering: .relaxed)) }

  private let sources: [(signal: Int32, source: any DispatchSourceSignal)]

  /// Returns when the first signal can no longer be missed.
  /// - Parameter action: called on the first signal.
  init(_ action: @escaping @Sendable () -> Void) {
    sources = [SIGINT, SIGHUP, SIGTERM].filter { $0 != SIGHUP || !Self.isIgnored($0) }
      .map { ($0, Self.source(of: $0, action)) }
  }

  deinit {
    for (number, source) in sources {
      source.cancel()
      signal(number, SIG_DFL)
    }
  }

  private static func source(
    of number: Int32, _ action: @escaping @Sendable () -> Void
  ) -> any DispatchSourceSignal {
    let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
    source.setEventHandler {
      _ = received.compareExchange(expected: 0, desired: number, ordering: .relaxed)
      action()
      signal(number, SIG_DFL)
    }
    // The source is registered on another thread; a signal that was ignored until then would be lost.
    let isRegistered = DispatchSemaphore(value: 0)
    source.setRegistrationHandler { isRegistered.signal() }
    source.resume()
    isRegistered.wait()
    #if canImport(Darwin)
      // There a source only looks on.
      signal(number, SIG_IGN)
    #endif
    return source
  }

  /// Whether whoever started the process wants it to outlive the signal, as `nohup` does.
  private static func isIgnored(_ number: Int32) -> Bool {
    let before = signal(number, SIG_IGN)
    signal(number, before)
    // Functions cannot be compared, and this one is only a number.
    return unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
