import ArgumentParser
import Foundation
import KelvinEngine
import Synchronization

/// Exit codes, as `sysexits.h` has them.
enum SystemExit {
  static let usage = ExitCode(64)
  static let data = ExitCode(65)
  static let noInput = ExitCode(66)
  static let software = ExitCode(70)
  static let system = ExitCode(71)
  static let cannotCreate = ExitCode(73)
  static let output = ExitCode(74)
  /// 128 and the signal that asked for the end: 130 after Ctrl-C.
  static var interrupted: ExitCode {
    let signal = Interruption.received.load(ordering: .relaxed)
    return ExitCode(128 + (signal == 0 ? SIGINT : signal))
  }
}

/// An error in one sentence with its exit code.
struct Failure: Error {
  var message: String
  var code: ExitCode

  init(_ message: String, code: ExitCode) {
    self.message = message
    self.code = code
  }

  init(_ error: any Error) {
    switch error {
    case let failure as Failure: self = failure
    case let error as EngineError:
      message = error.description
      code = error.exitCode
    default:
      message = "\(error)"
      code = SystemExit.software
    }
  }
}

extension EngineError {
  fileprivate var exitCode: ExitCode {
    switch self {
    case .unreadableModel(_, let isMissing): isMissing ? SystemExit.noInput : SystemExit.data
    case .unwritableModel: SystemExit.cannotCreate
    case .cancelled: SystemExit.interrupted
    case .invalidOption, .unsuitableOption, .policy: SystemExit.usage
    case .emptyPrompt, .tokenOutsideVocabulary, .contextOverflow, .noTokenizer, .noChatTemplate, .text: SystemExit.data
    case .memory: SystemExit.system
    case .unreadableCache(_, _, let isMissing): isMissing ? SystemExit.noInput : SystemExit.data
    case .unwritableCache: SystemExit.cannotCreate
    }
  }
}

extension ParsableCommand {
  /// Runs the body of a command; an error becomes one sentence on standard error and an exit code.
  func reporting(_ body: () async throws -> Void) async throws {
    do {
      try await body()
      if Terminal.lostOutput.load(ordering: .relaxed) {
        throw Failure("standard output cannot be written; is the disk full?", code: SystemExit.output)
      }
    } catch let code as ExitCode {
      throw code
    } catch let help as CleanExit {
      throw help
    } catch {
      let failure = Failure(error)
      Terminal.error("kelvin: \(failure.message)\n")
      throw failure.code
    }
  }
}
