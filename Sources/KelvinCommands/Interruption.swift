import Foundation
import KelvinEngine

/// Ctrl-C: the first asks for a clean end at the next step, the second ends the process.
final class Interruption {
  private let source: any DispatchSourceSignal

  /// Returns when the first Ctrl-C can no longer be missed.
  /// - Parameter action: called on the first Ctrl-C.
  init(_ action: @escaping @Sendable () -> Void) {
    source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    source.setEventHandler {
      action()
      signal(SIGINT, SIG_DFL)
    }
    // The source is registered on another thread; a signal that was ignored until then would be lost.
    let isRegistered = DispatchSemaphore(value: 0)
    source.setRegistrationHandler { isRegistered.signal() }
    source.resume()
    isRegistered.wait()
    #if canImport(Darwin)
      // There a source only looks on.
      signal(SIGINT, SIG_IGN)
    #endif
  }

  deinit {
    source.cancel()
    signal(SIGINT, SIG_DFL)
  }
}
