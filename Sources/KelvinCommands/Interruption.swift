import Foundation
import KelvinEngine

/// Ctrl-C: the first asks for a clean end at the next step, the second ends the process.
final class Interruption {
  private let source: any DispatchSourceSignal

  /// - Parameter action: called on the first Ctrl-C.
  init(_ action: @escaping @Sendable () -> Void) {
    signal(SIGINT, SIG_IGN)
    source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    source.setEventHandler {
      action()
      signal(SIGINT, SIG_DFL)
    }
    source.resume()
  }

  deinit {
    source.cancel()
    signal(SIGINT, SIG_DFL)
  }
}
