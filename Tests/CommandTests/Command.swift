import Foundation
import TestSupport
import Testing

/// The built `kelvin`, run as a process.
enum Command {
  /// How a run ended.
  struct Outcome {
    var code: Int32
    var output: String
    var errors: String

    /// The object that was written to standard output.
    func object() throws -> [String: Any] {
      try #require(JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    }
  }

  /// The tool beside the tests, in the build folder that both come from; `nil` where it was not built.
  static let tool: URL? = {
    let folders = CommandLine.arguments.compactMap { argument -> URL? in
      let parts = argument.split(separator: "/")
      guard let bundle = parts.firstIndex(where: { $0.hasSuffix(".xctest") }) else { return nil }
      return URL(fileURLWithPath: (argument.hasPrefix("/") ? "/" : "") + parts[..<bundle].joined(separator: "/"))
    }
    return folders.map { $0.appendingPathComponent("kelvin") }.first {
      FileManager.default.isExecutableFile(atPath: $0.path)
    }
  }()

  /// A checkpoint without a tokenizer: 3 layers of 2 KV heads, a vocabulary of 320, a context of 256.
  static let model = Fixtures.path("llama-gqa")

  /// Runs the tool to its end.
  /// - Parameters:
  ///   - largestFile: the size in blocks of 512 bytes where writing fails, as on a full disk; `nil`: no limit.
  ///   - ignored: a signal that the tool is started without, as `nohup` starts it without HUP.
  ///   - onOutput: called once, with the process, when it has written to standard output.
  static func run(
    _ arguments: [String], largestFile: Int? = nil, ignoring ignored: String? = nil,
    onOutput: @Sendable (Process) -> Void = { _ in }
  ) async throws -> Outcome {
    let tool = try #require(Self.tool)
    return try await Fixtures.withFolder { folder in
      let errors = folder.appendingPathComponent("errors")
      try Data().write(to: errors)
      let process = Process()
      process.executableURL = tool
      process.arguments = arguments
      if largestFile != nil || ignored != nil {
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let limit = largestFile.map { "ulimit -f \($0)" } ?? ":"
        let script = #"trap '' XFSZ \#(ignored ?? ""); \#(limit); exec "$0" "$@""#
        process.arguments = ["-c", script, tool.path] + arguments
      }
      process.standardInput = FileHandle.nullDevice
      process.standardError = try FileHandle(forWritingTo: errors)
      let pipe = Pipe()
      process.standardOutput = pipe
      let (ends, end) = AsyncStream.makeStream(of: Int32.self)
      process.terminationHandler = { end.yield($0.terminationStatus) }
      try process.run()
      // Waits for the first bytes, and then for the end of the output.
      var output = pipe.fileHandleForReading.availableData
      if !output.isEmpty { onOutput(process) }
      output += try pipe.fileHandleForReading.readToEnd() ?? Data()
      let code = await ends.first { _ in true }
      return Outcome(
        code: try #require(code), output: String(decoding: output, as: UTF8.self),
        errors: try String(contentsOf: errors, encoding: .utf8))
    }
  }

  /// Runs a command on `ids`, on one thread, with the model of this suite or another.
  static func run(
    _ command: String, model: String = model, ids: [Int32], _ arguments: [String]
  ) async throws -> Outcome {
    try await Fixtures.withFolder { folder in
      let tokens = folder.appendingPathComponent("ids.json")
      try JSONEncoder().encode(ids).write(to: tokens)
      return try await run([command, "-m", model, "-t", "1", "--tokens", tokens.path] + arguments)
    }
  }
}
