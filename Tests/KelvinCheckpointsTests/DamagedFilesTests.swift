import Foundation
import KelvinCheckpoints
import Testing

@Suite("Damaged files")
struct DamagedFilesTests {
  @Test(
    "a file cut at any byte is refused, never loaded and never fatal",
    arguments: ["gguf/good.gguf", "safetensors/good.safetensors", "hf/good/model.safetensors"])
  func cut(_ name: String) throws {
    try withCopy(of: name) { path, file in
      #expect(throws: Never.self) { try CheckpointReader.read(path: path) }
      // No byte of these files is padding after the last tensor, so no shorter file is whole.
      for length in try (0..<file.seekToEnd()).reversed() {
        try file.truncate(atOffset: length)
        #expect(throws: CheckpointError.self, "\(length) bytes") { try CheckpointReader.read(path: path) }
      }
    }
  }

  @Test(
    "a file with any one byte of its header changed is loaded or refused, never fatal",
    arguments: ["gguf/good.gguf", "hf/good/model.safetensors"])
  func changed(_ name: String) throws {
    let whole = try Fixtures.data("malformed/" + name)
    try withCopy(of: name) { path, file in
      // Both headers end before byte 2048; tensor data is never interpreted by a reader.
      for (place, byte) in whole.prefix(2048).enumerated() {
        try file.seek(toOffset: UInt64(place))
        try file.write(contentsOf: [byte ^ 0xFF])
        do {
          _ = try CheckpointReader.read(path: path)
        } catch {
          #expect(error is CheckpointError)
        }
        try file.seek(toOffset: UInt64(place))
        try file.write(contentsOf: [byte])
      }
    }
  }

  private func withCopy(of name: String, _ body: (String, FileHandle) throws -> Void) throws {
    try Fixtures.withFolder { folder in
      let copy = folder.appendingPathComponent((name as NSString).lastPathComponent)
      try Fixtures.data("malformed/" + name).write(to: copy)
      let file = try FileHandle(forUpdating: copy)
      defer { try? file.close() }
      try body(copy.path, file)
    }
  }
}
