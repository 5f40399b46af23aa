import ArgumentParser
import Foundation
import KelvinEngine

/// Options about a file that keeps the cache of a prompt from one run to the next.
struct PromptCacheFlags: ParsableArguments {
  @Option(
    name: [.customLong("prompt-cache")],
    help: "A file with the cache of a prompt: read where it exists, written when the prompt has been read.")
  var file: String?

  @Flag(name: [.customLong("prompt-cache-ro")], help: "Read the file of --prompt-cache, and never write it.")
  var isReadOnly = false

  /// The file that the session is saved to when the prompt has been read.
  var fileToWrite: String? { isReadOnly ? nil : file }

  /// The session that the file holds, or an empty one.
  func session(_ options: CacheOptions, on engine: Engine) async throws -> Session {
    guard file != nil || !isReadOnly else {
      throw Failure("--prompt-cache-ro needs a file: add --prompt-cache FILE", code: SystemExit.usage)
    }
    guard file == nil || options.isCached else {
      throw EngineError.invalidOption(
        option: "no-cache", found: "a cache file", expected: "a cache: without one there is nothing to keep")
    }
    guard let file, isReadOnly || FileManager.default.fileExists(atPath: file) else {
      return try await engine.makeSession(options)
    }
    return try await engine.loadSession(from: file, options: options)
  }
}
