import KelvinTensors

/// Writes a GGUF file of version 3; `GGUFReader` says what it looks like.
///
/// Readers look at the type of a value, not only at the value: llama.cpp wants its sizes as u32, its constants as f32 and
/// token types as an array of i32. So an integer is a u32 where it fits, an i32 or i64 where it does not; a number is an
/// f32 where that loses nothing, else an f64; the integers of an array are i32 or i64.
struct GGUFWriter {
  /// What every tensor's offset is a multiple of: the format's own value.
  static let alignment = 32
  /// llama.cpp's limit for names, its terminator included.
  static let nameLimit = 64

  private let name: String
  private var header = ByteWriter()

  static func write(
    _ checkpoint: Checkpoint, path: String, progress: (Double) -> Bool
  ) throws(CheckpointError) {
    let place = try OutputPlace(path: path)
    let tensors = checkpoint.orderedTensors
    var writer = GGUFWriter(name: place.name)
    // Another alignment than the file has would move every tensor.
    let metadata = checkpoint.metadata.filter { $0.key != "general.alignment" && $0.value != .null }
    try writer.describe(metadata, tensors)
    var file = try OutputFile(path: place.temporaryPath, name: place.name)
    try file.write(writer.header.bytes)
    try file.pad(to: alignment)
    try TensorStream(tensors: tensors, alignment: alignment).write(to: &file, progress: progress)
    // Readers expect whole multiples up to the end.
    try file.pad(to: alignment)
    try file.close()
    try place.finish()
  }

  private init(name: String) { self.name = name }

  private mutating func describe(
    _ metadata: [String: MetadataValue], _ tensors: [StoredTensor]
  ) throws(CheckpointError) {
    header.append(GGUFReader.magic)
    header.append(UInt32(3))
    header.append(UInt64(tensors.count))
    header.append(UInt64(metadata.count))
    // The architecture first, as people who look at such files expect.
    let first = "general.architecture"
    for (key, value) in metadata.sorted(by: { ($0.key != first ? 1 : 0, $0.key) < ($1.key != first ? 1 : 0, $1.key) }) {
      header.append(text: key)
      try append(value, key: key, depth: 0)
    }
    var offset = 0
    for tensor in tensors { try append(tensor, offset: &offset) }
  }

  // MARK: Values

  /// The type's number, then the value.
  private mutating func append(_ value: MetadataValue, key: String, depth: Int) throws(CheckpointError) {
    switch value {
    case .bool(let value):
      header.append(UInt32(7))
      header.append(UInt8(value ? 1 : 0))
    case .integer(let value): append(integer: value)
    case .number(let value):
      let isSingle = value.isNaN || Double(Float(value)) == value
      header.append(UInt32(isSingle ? 6 : 12))
      append(number: value, isSingle: isSingle)
    case .string(let value):
      header.append(UInt32(8))
      header.append(text: value)
    case .null, .object:
      throw .inexpressible(
        file: name, part: "value of \(key.quoted)", found: value.brief, expected: "a number, a text or an array")
    default:
      header.append(UInt32(9))
      try appendElements(value, key: key, depth: depth + 1)
    }
  }

  private mutating func append(integer value: Int) {
    if let value = UInt32(exactly: value) {
      header.append(UInt32(4))
      header.append(value)
    } else if let value = Int32(exactly: value) {
      header.append(UInt32(5))
      header.append(value)
    } else {
      header.append(UInt32(11))
      header.append(Int64(value))
    }
  }

  private mutating func append(number: Double, isSingle: Bool) {
    if isSingle { header.append(Float(number).bitPattern) } else { header.append(number.bitPattern) }
  }

  /// The type of the elements, their count, the elements.
  private mutating func appendElements(_ value: MetadataValue, key: String, depth: Int) throws(CheckpointError) {
    func head(_ type: UInt32, _ count: Int) {
      header.append(type)
      header.append(UInt64(count))
    }
    switch value {
    case .bools(let values):
      head(7, values.count)
      for value in values { header.append(UInt8(value ? 1 : 0)) }
    case .integers(let values):
      let isSingle = values.allSatisfy { Int32(exactly: $0) != nil }
      head(isSingle ? 5 : 11, values.count)
      for value in values {
        if isSingle { header.append(Int32(truncatingIfNeeded: value)) } else { header.append(Int64(value)) }
      }
    case .numbers(let values):
      let isSingle = values.allSatisfy { $0.isNaN || Double(Float($0)) == $0 }
      head(isSingle ? 6 : 12, values.count)
      for value in values { append(number: value, isSingle: isSingle) }
    case .strings(let values):
      head(8, values.count)
      for value in values { header.append(text: value) }
    case .array(let values):
      try append(nested: values, key: key, depth: depth)
    case .null, .bool, .integer, .number, .string, .object:
      preconditionFailure("\(key): \(value.brief) is no array")
    }
  }

  /// Arrays of arrays; an empty array has no element to take a type from, and is one of integers.
  private mutating func append(nested values: [MetadataValue], key: String, depth: Int) throws(CheckpointError) {
    header.append(UInt32(values.isEmpty ? 5 : 9))
    header.append(UInt64(values.count))
    for value in values {
      switch value {
      case .bools, .integers, .numbers, .strings, .array:
        guard depth < GGUFReader.arrayDepthLimit else { fallthrough }
        try appendElements(value, key: key, depth: depth + 1)
      default:
        throw .inexpressible(
          file: name, part: "value of \(key.quoted)", found: "\(value.brief) inside an array",
          expected: "elements of one type, nested \(GGUFReader.arrayDepthLimit) deep at most")
      }
    }
  }

  // MARK: Tensors

  private mutating func append(_ tensor: StoredTensor, offset: inout Int) throws(CheckpointError) {
    guard tensor.name.utf8.count < Self.nameLimit, (1...4).contains(tensor.shape.count) else {
      throw .inexpressible(
        file: name, part: "tensor \(tensor.name.quoted)",
        found: "a name of \(tensor.name.utf8.count) bytes, shape \(tensor.shape)",
        expected: "a name shorter than \(Self.nameLimit) and 1 to 4 dimensions")
    }
    header.append(text: tensor.name)
    header.append(UInt32(tensor.shape.count))
    for dimension in tensor.shape.reversed() { header.append(UInt64(dimension)) }
    header.append(tensor.format.ggufNumber)
    header.append(UInt64(offset))
    let (end, overflow) = offset.addingReportingOverflow(tensor.range.count)
    guard !overflow, end <= Int.max - Self.alignment else {
      throw .inexpressible(file: name, part: "size", found: "more bytes than 64 bits count", expected: "fewer")
    }
    offset = (end + Self.alignment - 1) / Self.alignment * Self.alignment
  }
}

extension WeightFormat {
  /// The format's number in GGUF files.
  var ggufNumber: UInt32 {
    switch self {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q5_0: 6
    case .q5_1: 7
    case .q8_0: 8
    case .q2_K: 10
    case .q3_K: 11
    case .q4_K: 12
    case .q5_K: 13
    case .q6_K: 14
    case .iq4_nl: 20
    case .bf16: 30
    }
  }
}
