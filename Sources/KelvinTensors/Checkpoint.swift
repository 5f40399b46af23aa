/// What a model file says, whatever its format: facts about the model, and tensors by name.
///
/// `KelvinCheckpoints` makes one from a GGUF file, a safetensors folder or a llama2.c file; architectures read it.
public struct Checkpoint: Sendable {
  /// The vocabulary of names that `metadata` and `tensors` use.
  public enum Style: String, Sendable, Hashable {
    /// GGUF: `llama.block_count`, `blk.0.attn_q.weight`; q and k rows permuted to adjacent rotary pairs.
    case gguf
    /// Hugging Face: the keys of `config.json`, `model.layers.0.self_attn.q_proj.weight`; rotary pairs half a head apart.
    case huggingFace
  }

  /// A short name for error messages: the file's or folder's last path component.
  public var name: String
  /// Whose names the metadata and tensors bear.
  public var style: Style
  /// GGUF's key–value pairs, or the top level of `config.json`.
  public var metadata: [String: MetadataValue]
  /// The tensors by name.
  public var tensors: [String: StoredTensor]
  /// Tensors that are in the file but not readable as weights (integers, masks): their type's name by their own.
  public var otherTensors: [String: String]

  /// A checkpoint of facts and tensors.
  public init(
    name: String, style: Style, metadata: [String: MetadataValue], tensors: [String: StoredTensor],
    otherTensors: [String: String] = [:]
  ) {
    self.name = name
    self.style = style
    self.metadata = metadata
    self.tensors = tensors
    self.otherTensors = otherTensors
  }
}

/// One value of a checkpoint's metadata.
///
/// Long arrays of one type are kept as such: a vocabulary is 10⁵ strings.
public enum MetadataValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case bools([Bool])
  case integers([Int])
  case numbers([Double])
  case strings([String])
  case array([MetadataValue])
  case object([String: MetadataValue])

  /// The value as an integer: an integer, or a number without a fraction that `Int` can hold.
  public var integer: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The value as a number.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The value as a string.
  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The value as a truth value.
  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }
}

/// A tensor as it lies in a file: nothing is converted or copied until its bytes are asked for.
public struct StoredTensor: Sendable {
  /// The name in the file.
  public var name: String
  /// Outermost dimension first: a matrix is `[rows, columns]`, rows contiguous.
  public var shape: [Int]
  /// How the numbers are written.
  public var format: WeightFormat
  /// Where the bytes are.
  public var source: any ByteSource
  /// The tensor's bytes inside `source`; the reader has checked that they exist and match `shape` and `format`.
  public var range: Range<Int>

  /// A tensor whose bytes lie in `range` of `source`.
  public init(name: String, shape: [Int], format: WeightFormat, source: any ByteSource, range: Range<Int>) {
    self.name = name
    self.shape = shape
    self.format = format
    self.source = source
    self.range = range
  }

  /// Number of elements.
  public var count: Int { shape.reduce(1, *) }
}

/// Immutable bytes that can be looked at: a mapped file, or an array in a test.
public protocol ByteSource: Sendable {
  /// Calls `body` with the bytes of `range`, which must lie inside the source.
  func withBytes<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result
  /// Tells the system that the bytes of `range` will not be read again soon, so that they need not stay resident.
  func release(_ range: Range<Int>)
}

extension MetadataValue {
  /// The value in a few words, for messages: short arrays of numbers in full.
  package var brief: String {
    switch self {
    case .null: "nothing"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): value.quoted
    case .bools(let values): "\(values.count) truth values"
    case .integers(let values): values.count <= 4 ? "\(values)" : "\(values.count) integers"
    case .numbers(let values): values.count <= 4 ? "\(values)" : "\(values.count) numbers"
    case .strings(let values): "\(values.count) strings"
    case .array(let values): "\(values.count) values"
    case .object: "an object"
    }
  }
}

extension String {
  /// The text between single quotes, fit for one line of a message: control characters escaped, long text cut.
  ///
  /// Names that come out of files may hold anything, line ends and 20 000 characters included.
  package var quoted: String {
    var result = "'"
    for (index, scalar) in unicodeScalars.enumerated() {
      guard index < 80 else { return result + "…'" }
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "'"
  }
}
