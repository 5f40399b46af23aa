import KelvinTensors

/// What can be wrong with a model file that is read or written, before anybody asks what model it is.
///
/// `file` is the last path component, or `folder/file` inside a checkpoint folder.
public enum CheckpointError: Error, Hashable {
  /// The system does not let us look at it, in the system's words.
  case unreadable(file: String, reason: String)
  /// The file is there, and there is nothing in it.
  case empty(file: String)
  /// A file that a folder or an index needs is not there.
  case missing(file: String, part: String)
  /// Neither its name nor its content is that of a format Kelvin reads.
  case unknownFormat(file: String, found: String)
  /// The format is known, this variety of it is not read.
  case unsupported(file: String, part: String, found: String, supported: [String])
  /// The file ends before what it announced: `part` needs `needed` bytes, `available` are left.
  case endsEarly(file: String, part: String, needed: UInt64, available: Int)
  /// A value that the format does not allow.
  case malformed(file: String, part: String, found: String, expected: String)
  /// The same name twice, so that nobody can say which one counts.
  case duplicate(file: String, part: String, name: String)
  /// A file or folder that cannot be made, in the system's words or ours.
  case unwritable(file: String, reason: String)
  /// Something of the name that is to be written is there: it may be the only copy of a model.
  case occupied(file: String)
  /// A checkpoint says something that the format to be written has no room for.
  case inexpressible(file: String, part: String, found: String, expected: String)
  /// The caller wanted no more; nothing was left behind.
  case cancelled(file: String)
}

extension CheckpointError: CustomStringConvertible {
  /// The formats that `CheckpointReader` reads, for messages.
  static let formats = "GGUF, safetensors, a Hugging Face folder (config.json beside model.safetensors), llama2.c .bin"

  /// One sentence: where, what was found, what was expected, what to do.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      return "\(file): cannot be read: \(reason); check the path and its permissions."
    case .empty(let file):
      return "\(file): the file is empty; download or convert it again."
    case .missing(let file, let part):
      return "\(file): \(part) is missing; complete the download."
    case .unknownFormat(let file, let found):
      return "\(file): not a model file that Kelvin knows: found \(found), expected one of: \(Self.formats)."
    case .unsupported(let file, let part, let found, let supported):
      let list = supported.joined(separator: ", ")
      return "\(file): \(part): found \(found), which is not supported; convert the model to one of: \(list)."
    case .endsEarly(let file, let part, let needed, let available):
      return "\(file): \(part): \(needed) bytes expected, found only \(available) before the end of the file; "
        + "the download is incomplete or the file is damaged."
    case .malformed(let file, let part, let found, let expected):
      return "\(file): \(part): found \(found), expected \(expected); the file is damaged or was written wrongly, "
        + "so download or convert it again."
    case .duplicate(let file, let part, let name):
      return "\(file): \(part) \(name.quoted) occurs twice, expected once; the file was written wrongly, "
        + "so convert it again."
    case .unwritable(let file, let reason):
      return "\(file): cannot be written: \(reason); check the path, its permissions and the free space."
    case .occupied(let file):
      return "\(file): it exists already, and nothing is overwritten; choose another name, or remove it first."
    case .inexpressible(let file, let part, let found, let expected):
      return "\(file): \(part): found \(found), which this format cannot hold, expected \(expected); "
        + "write the model in another format."
    case .cancelled(let file):
      return "\(file): not written, because it was cancelled."
    }
  }
}

extension CheckpointError {
  /// Whether the trouble is with the place to write to, not with the model.
  public var isUnwritable: Bool {
    switch self {
    case .unwritable, .occupied: true
    default: false
    }
  }

  /// Whether the caller had it stopped.
  public var isCancelled: Bool {
    if case .cancelled = self { true } else { false }
  }

  /// Whether the file is not there or may not be read, rather than wrong inside.
  public var isUnreadable: Bool {
    if case .unreadable = self { true } else { false }
  }
}
