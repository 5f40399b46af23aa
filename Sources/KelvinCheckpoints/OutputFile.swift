import Foundation
import KelvinTensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file or folder that gets its name when it is whole; until then it has a temporary one beside it.
///
/// Whatever goes wrong before `finish` (a full disk, an interruption, a broken input), the temporary one is removed and
/// nothing appears under the name. Only the death of the process itself leaves the temporary one behind.
struct OutputPlace: ~Copyable {
  /// What error messages call it.
  let name: String
  /// Where to write meanwhile.
  let temporaryPath: String
  private let path: String
  private var isFinished = false

  /// - Throws: `occupied` where something of that name is there already.
  init(path: String) throws(CheckpointError) {
    let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    name = MappedFile.lastComponent(of: trimmed)
    self.path = trimmed
    temporaryPath = "\(trimmed).partial-\(ProcessInfo.processInfo.processIdentifier)"
    // `lstat` sees a dangling link too, which `fileExists` does not.
    var status = stat()
    guard lstat(trimmed, &status) != 0 else { throw .occupied(file: name) }
  }

  deinit {
    if !isFinished { try? FileManager.default.removeItem(atPath: temporaryPath) }
  }

  /// Gives it its name.
  consuming func finish() throws(CheckpointError) {
    guard rename(temporaryPath, path) == 0 else {
      throw .unwritable(file: name, reason: String(cString: strerror(errno)))
    }
    isFinished = true
  }
}

/// A new file that is written from its start to its end.
struct OutputFile: ~Copyable {
  /// What error messages call it.
  let name: String
  /// Bytes written.
  private(set) var count = 0
  private let handle: FileHandle

  /// Makes the file at `path`, which must not exist.
  init(path: String, name: String) throws(CheckpointError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .unwritable(file: name, reason: String(cString: strerror(errno))) }
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    self.name = name
  }

  /// Appends bytes.
  mutating func write(_ bytes: some DataProtocol) throws(CheckpointError) {
    do {
      try handle.write(contentsOf: bytes)
    } catch {
      throw .unwritable(file: name, reason: Self.reason(error))
    }
    count += bytes.count
  }

  /// Appends zeros up to a multiple of `alignment`.
  mutating func pad(to alignment: Int) throws(CheckpointError) {
    let missing = (alignment - count % alignment) % alignment
    if missing > 0 { try write(ContiguousArray<UInt8>(repeating: 0, count: missing)) }
  }

  /// Waits until the disk has the file, so that a name never belongs to less than a whole one.
  consuming func close() throws(CheckpointError) {
    do {
      try handle.synchronize()
      try handle.close()
    } catch {
      throw .unwritable(file: name, reason: Self.reason(error))
    }
  }

  /// The system's own words where the error has them.
  private static func reason(_ error: any Error) -> String {
    let code = ((error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError)
    return code.domain == NSPOSIXErrorDomain ? String(cString: strerror(Int32(code.code))) : error.localizedDescription
  }
}

/// Whole little-endian integers and length-prefixed text, as GGUF and safetensors headers have them.
struct ByteWriter {
  var bytes = ContiguousArray<UInt8>()

  mutating func append<Integer: FixedWidthInteger>(_ value: Integer) {
    var rest = value.littleEndian
    for _ in 0..<MemoryLayout<Integer>.size {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest = MemoryLayout<Integer>.size == 1 ? 0 : rest >> 8
    }
  }

  /// The length in bytes as `UInt64`, then the UTF-8.
  mutating func append(text: String) {
    append(UInt64(text.utf8.count))
    bytes += text.utf8
  }
}
