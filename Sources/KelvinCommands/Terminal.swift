import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Standard output and standard error.
enum Terminal {
  /// Writes to standard output at once, without a buffer between tokens.
  static func write(_ text: String) {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    } catch {
      lostOutput.store(true, ordering: .relaxed)
    }
  }

  /// Whether something could not be written to standard output; the command then fails at its end.
  static let lostOutput = Atomic<Bool>(false)

  /// Writes to standard error.
  static func error(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  /// Whether a person watches standard error.
  static let showsProgress = isatty(STDERR_FILENO) == 1

  /// Whether standard output may be coloured: a terminal, and neither `NO_COLOR` nor a dumb terminal.
  static let hasColour =
    isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR", default: ""].isEmpty
    && ProcessInfo.processInfo.environment["TERM"] != "dumb"

  /// Text made faint where colours are allowed.
  static func faint(_ text: String) -> String { hasColour ? "\u{1B}[2m\(text)\u{1B}[0m" : text }

  /// Shows how far something is, on a terminal only, in one line that is overwritten.
  static func progress(_ what: String, _ share: Double) {
    guard showsProgress else { return }
    error(share >= 1 ? "\r\u{1B}[K" : "\r\(what) \(Int(share * 100)) %")
  }
}
