import Foundation
import KelvinTensors

/// A file mapped into memory, read-only: opening costs nothing, bytes are loaded when looked at.
///
/// The pages belong to the system, which drops them under pressure and reads them again. A file that is cut while it is
/// mapped takes the process down, as with every program that maps files; nobody should write to a model in use.
final class MappedFile: ByteSource, @unchecked Sendable {
  /// What error messages call it.
  let name: String
  /// The size in bytes, at least 1.
  let count: Int
  /// Never written through, and unmapped only in `deinit`: safe to share, which the compiler cannot see.
  private let memory: UnsafeRawBufferPointer

  /// Maps the file at `path`.
  /// - Throws: `unreadable` where there is no such file, it may not be read or is not a regular file; `empty`.
  init(path: String, name: String? = nil) throws(CheckpointError) {
    let name = name ?? Self.lastComponent(of: path)
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(file: name, reason: Self.systemReason()) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .unreadable(file: name, reason: Self.systemReason()) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(file: name, reason: "not a regular file") }
    guard let count = Int(exactly: status.st_size), count > 0 else { throw .empty(file: name) }
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw .unreadable(file: name, reason: Self.systemReason())
    }
    self.name = name
    self.count = count
    memory = UnsafeRawBufferPointer(start: start, count: count)
  }

  deinit {
    munmap(UnsafeMutableRawPointer(mutating: memory.baseAddress), count)
  }

  func withBytes<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let bytes = UnsafeRawBufferPointer(rebasing: memory[range])
    return try body(bytes.bytes)
  }

  func release(_ range: Range<Int>) {
    guard !range.isEmpty, let start = memory.baseAddress else { return }
    // Whole pages only: round the start down, so that releasing neighbours one by one leaves no page between them.
    let first = range.lowerBound / Int(getpagesize()) * Int(getpagesize())
    madvise(UnsafeMutableRawPointer(mutating: start + first), range.upperBound - first, MADV_DONTNEED)
  }

  /// The little-endian integer at `offset`, or `nil` where the file ends before or inside it.
  func integer<Integer: FixedWidthInteger>(_ type: Integer.Type, at offset: Int) -> Integer? {
    guard offset >= 0, offset <= count - MemoryLayout<Integer>.size else { return nil }
    return Integer(littleEndian: memory.loadUnaligned(fromByteOffset: offset, as: Integer.self))
  }

  /// The UTF-8 text of `range`, which must lie inside the file; `nil` where it is not UTF-8.
  func text(_ range: Range<Int>) -> String? {
    String(validating: memory[range], as: UTF8.self)
  }

  /// A copy of `range`, which must lie inside the file.
  func copy(_ range: Range<Int>) -> [UInt8] { Array(memory[range]) }

  /// The last component of a path, without a trailing slash.
  static func lastComponent(of path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }

  private static func systemReason() -> String { String(cString: strerror(errno)) }
}
