import KelvinTensors

/// Reads a safetensors file, the format of Hugging Face: tensors by name, and nothing about the model.
///
///     file    header length u64 little-endian, header, tensor data
///     header  a JSON object, padded with spaces:
///             { "__metadata__": { "format": "pt" },
///               "name": { "dtype": "F32", "shape": [rows, columns], "data_offsets": [begin, end] }, … }
///
/// The offsets count from the start of the tensor data. Tensors fill it without holes and without sharing a byte, so a
/// file has one reading only; this reader refuses everything else. Dimensions stand outermost first.
struct SafetensorsReader {
  /// The format's own limit.
  static let headerLimit: UInt64 = 100_000_000
  /// More dimensions than any weight has.
  static let rankLimit = 8

  /// What a file holds: tensors of the formats that weights have, and the types of all others by name.
  struct Contents {
    var tensors: [String: StoredTensor] = [:]
    var others: [String: String] = [:]
  }

  private let file: MappedFile
  private let dataStart: Int

  /// The tensors of `file`.
  static func read(_ file: MappedFile) throws(CheckpointError) -> Contents {
    guard let length = file.integer(UInt64.self, at: 0) else {
      throw .endsEarly(file: file.name, part: "header length", needed: 8, available: file.count)
    }
    guard length <= headerLimit else {
      throw .malformed(
        file: file.name, part: "header length", found: "\(length)", expected: "at most \(headerLimit)")
    }
    guard let length = Int(exactly: length), length <= file.count - 8 else {
      throw .endsEarly(file: file.name, part: "header", needed: length, available: file.count - 8)
    }
    let bytes = file.copy(8..<8 + length)
    guard bytes.first == UInt8(ascii: "{") else {
      throw .malformed(file: file.name, part: "header", found: "no '{' at its start", expected: "a JSON object")
    }
    let header = try ConfigurationFile.object(bytes, file: file.name, part: "header")
    return try SafetensorsReader(file: file, dataStart: 8 + length).contents(header)
  }

  private func contents(_ header: [String: MetadataValue]) throws(CheckpointError) -> Contents {
    var contents = Contents()
    var ranges: [(name: String, range: Range<Int>)] = []
    for (name, value) in header where name != "__metadata__" {
      let entry = try entry(name, value)
      ranges.append((name, entry.range))
      if let format = entry.type.format {
        let range = entry.range.lowerBound + dataStart..<entry.range.upperBound + dataStart
        contents.tensors[name] = StoredTensor(
          name: name, shape: entry.shape, format: format, source: file, range: range)
      } else {
        contents.others[name] = entry.type.name
      }
    }
    try checkCover(ranges)
    return contents
  }

  // MARK: One tensor

  /// A type of the format: name, bytes of an element, and how weights of it are read.
  private struct ElementType {
    var name: String
    var bytes: Int
    var format: WeightFormat?

    static let all: [ElementType] = [
      ElementType(name: "F32", bytes: 4, format: .f32), ElementType(name: "F16", bytes: 2, format: .f16),
      ElementType(name: "BF16", bytes: 2, format: .bf16), ElementType(name: "F64", bytes: 8),
      ElementType(name: "F8_E4M3", bytes: 1), ElementType(name: "F8_E5M2", bytes: 1),
      ElementType(name: "I64", bytes: 8), ElementType(name: "I32", bytes: 4), ElementType(name: "I16", bytes: 2),
      ElementType(name: "I8", bytes: 1), ElementType(name: "U64", bytes: 8), ElementType(name: "U32", bytes: 4),
      ElementType(name: "U16", bytes: 2), ElementType(name: "U8", bytes: 1), ElementType(name: "BOOL", bytes: 1),
    ]
  }

  /// A tensor's entry of the header; the range counts from the start of the tensor data.
  private func entry(
    _ name: String, _ value: MetadataValue
  ) throws(CheckpointError) -> (type: ElementType, shape: [Int], range: Range<Int>) {
    func malformed(_ found: String, _ expected: String) -> CheckpointError {
      .malformed(file: file.name, part: "tensor \(name.quoted)", found: found, expected: expected)
    }
    guard case .object(let entry) = value else { throw malformed(value.brief, "an object") }
    let typeName = entry["dtype"] ?? .null
    guard let type = ElementType.all.first(where: { .string($0.name) == typeName }) else {
      throw malformed(
        "dtype \(typeName.brief)", "one of \(ElementType.all.map(\.name).joined(separator: ", "))")
    }
    guard let shape = integers(entry["shape"]), shape.count <= Self.rankLimit, shape.allSatisfy({ $0 >= 0 }) else {
      throw malformed("shape \((entry["shape"] ?? .null).brief)", "at most \(Self.rankLimit) sizes, none negative")
    }
    guard let offsets = integers(entry["data_offsets"]), offsets.count == 2, 0 <= offsets[0], offsets[0] <= offsets[1]
    else {
      throw malformed("data_offsets \((entry["data_offsets"] ?? .null).brief)", "begin and end, in this order")
    }
    guard let bytes = product(shape, times: type.bytes) else {
      throw malformed("shape \(shape)", "a size in bytes that fits 64 bits")
    }
    guard offsets[1] <= file.count - dataStart else {
      throw .endsEarly(
        file: file.name, part: "tensor \(name.quoted)", needed: UInt64(offsets[1] - offsets[0]),
        available: max(0, file.count - dataStart - offsets[0]))
    }
    guard bytes == offsets[1] - offsets[0] else {
      throw malformed("\(offsets[1] - offsets[0]) bytes", "\(bytes) for \(type.name) of shape \(shape)")
    }
    return (type, shape, offsets[0]..<offsets[1])
  }

  private func product(_ shape: [Int], times bytes: Int) -> Int? {
    var result = bytes
    for dimension in shape {
      let (next, overflow) = result.multipliedReportingOverflow(by: dimension)
      if overflow { return nil }
      result = next
    }
    return result
  }

  private func integers(_ value: MetadataValue?) -> [Int]? {
    switch value {
    case .integers(let values): values
    case .array(let values) where values.isEmpty: []
    default: nil
    }
  }

  /// Checks that the tensors follow one another from the first byte of the data to the last.
  private func checkCover(_ ranges: [(name: String, range: Range<Int>)]) throws(CheckpointError) {
    var end = 0
    let ordered = ranges.sorted {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    for (name, range) in ordered {
      guard range.lowerBound == end else {
        throw .malformed(
          file: file.name, part: "tensor \(name.quoted)", found: "data from byte \(range.lowerBound)",
          expected: "byte \(end), where the tensor before it ends")
      }
      end = range.upperBound
    }
    guard dataStart + end == file.count else {
      throw .malformed(
        file: file.name, part: "tensor data", found: "\(file.count - dataStart) bytes",
        expected: "\(end), the sum of the tensors")
    }
  }
}
