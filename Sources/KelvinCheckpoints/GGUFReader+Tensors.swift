import KelvinTensors

extension GGUFReader {
  /// Reads the tensor descriptions and checks where each tensor's bytes lie.
  ///
  /// They follow one another from the start of the tensor data, with nothing but padding to the alignment between them.
  /// Anything may follow the last.
  mutating func tensors(count: UInt64, alignment: Int) throws(CheckpointError) -> [String: StoredTensor] {
    part = "tensor descriptions"
    // The shortest: an empty name, one dimension.
    let count = try self.count(count, elementBytes: 32)
    var described: [StoredTensor] = []
    described.reserveCapacity(count)
    for index in 0..<count {
      part = "description of tensor \(index)"
      described.append(try tensor(alignment: alignment))
    }
    // A 64-bit file size leaves room for this: the offset is inside the file.
    let start = (offset + alignment - 1) / alignment * alignment
    var tensors: [String: StoredTensor] = [:]
    for var tensor in described {
      tensor.range = try place(tensor, dataStart: start)
      guard tensors.updateValue(tensor, forKey: tensor.name) == nil else {
        throw .duplicate(file: file.name, part: "tensor", name: tensor.name)
      }
    }
    try checkCover(tensors.values, from: start, alignment: alignment)
    return tensors
  }

  /// One description; the range of the result still counts from the start of the tensor data.
  private mutating func tensor(alignment: Int) throws(CheckpointError) -> StoredTensor {
    let name = try text()
    part = "tensor \(name.quoted)"
    let shape = try shape()
    let type = try take(UInt32.self)
    let format = try format(type)
    let innermost = shape[shape.count - 1]
    guard innermost.isMultiple(of: format.blockLength) else {
      throw malformed(
        "rows of \(innermost) numbers", "whole \(format.rawValue.uppercased()) blocks of \(format.blockLength)")
    }
    guard let bytes = format.bytes(count: shape.reduce(1, *)) else {
      throw malformed("dimensions \(shape)", "a size in bytes that fits 64 bits")
    }
    let offset = try take(UInt64.self)
    guard let start = Int(exactly: offset), start.isMultiple(of: alignment), start <= Int.max - bytes else {
      throw malformed("data offset \(offset)", "a multiple of the alignment \(alignment) inside the file")
    }
    return StoredTensor(name: name, shape: shape, format: format, source: file, range: start..<start + bytes)
  }

  /// The dimensions, outermost first, their product known to fit an `Int`.
  private mutating func shape() throws(CheckpointError) -> [Int] {
    let rank = try take(UInt32.self)
    guard (1...4).contains(rank) else { throw malformed("\(rank) dimensions", "1 to 4") }
    var shape: [Int] = []
    var product = 1
    for _ in 0..<rank {
      let claimed = try take(UInt64.self)
      guard let dimension = Int(exactly: claimed), dimension > 0 else {
        throw malformed("a dimension of \(claimed)", "1 to \(Int.max)")
      }
      shape.append(dimension)
      let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
      guard !overflow else { throw malformed("dimensions \(shape)", "a number of elements that fits 64 bits") }
      product = next
    }
    return shape.reversed()
  }

  private func place(_ tensor: StoredTensor, dataStart: Int) throws(CheckpointError) -> Range<Int> {
    let (end, overflow) = tensor.range.upperBound.addingReportingOverflow(dataStart)
    guard !overflow, end <= file.count else {
      throw .endsEarly(
        file: file.name, part: "tensor \(tensor.name.quoted)", needed: UInt64(tensor.range.count),
        available: max(0, file.count - dataStart - min(tensor.range.lowerBound, file.count)))
    }
    return tensor.range.lowerBound + dataStart..<end
  }

  /// A gap would mean that a tensor is larger than its description says; llama.cpp refuses such files too.
  private func checkCover(
    _ tensors: some Collection<StoredTensor>, from start: Int, alignment: Int
  ) throws(CheckpointError) {
    var next = start
    for tensor in tensors.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      guard tensor.range.lowerBound == next else {
        throw .malformed(
          file: file.name, part: "tensor \(tensor.name.quoted)",
          found: "data offset \(tensor.range.lowerBound - start)",
          expected: "\(next - start), where the tensor before it ends")
      }
      next = (tensor.range.upperBound + alignment - 1) / alignment * alignment
    }
  }

  private func malformed(_ found: String, _ expected: String) -> CheckpointError {
    .malformed(file: file.name, part: part, found: found, expected: expected)
  }

  /// The format that has the number `type` in a GGUF file.
  ///
  /// The gaps are formats that were withdrawn, so old files may name them.
  private func format(_ type: UInt32) throws(CheckpointError) -> WeightFormat {
    if let format = WeightFormat.allCases.first(where: { $0.ggufNumber == type }) { return format }
    throw .unsupported(
      file: file.name, part: part, found: Self.otherFormats[type] ?? "the unknown type \(type)",
      supported: WeightFormat.allCases.map { $0.rawValue.uppercased() })
  }

  /// Formats that exist and are not read, so that a refusal can name what it found.
  private static let otherFormats: [UInt32: String] = [
    4: "Q4_2 (withdrawn)", 5: "Q4_3 (withdrawn)", 9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
    19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
  ]
}
