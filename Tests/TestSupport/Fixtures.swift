public import Foundation

/// The files that several test targets read.
public enum Fixtures {
  /// `Tests`, where a file that belongs to one target lies under that target's name.
  public static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  /// `Tests/Fixtures`.
  public static let folder = tests.appendingPathComponent("Fixtures")

  /// The path of a file or folder in `Tests/Fixtures`.
  public static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// A JSON file in `Tests/Fixtures`.
  public static func json<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(type, from: Data(contentsOf: folder.appendingPathComponent(name)))
  }

  /// Calls `body` with a new folder that is gone afterwards.
  public static func withFolder<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("kelvin-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
  }
}
