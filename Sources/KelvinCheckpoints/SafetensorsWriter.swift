import KelvinTensors

/// Writes a safetensors file; `SafetensorsReader` says what it looks like.
enum SafetensorsWriter {
  /// The format's names of what it can hold.
  private static let types: [WeightFormat: String] = [.f32: "F32", .f16: "F16", .bf16: "BF16"]

  static func write(
    _ checkpoint: Checkpoint, to file: inout OutputFile, progress: (Double) -> Bool
  ) throws(CheckpointError) {
    let tensors = checkpoint.orderedTensors
    var header: [String: MetadataValue] = ["__metadata__": .object(["format": .string("pt")])]
    var end = 0
    for tensor in tensors {
      guard let type = types[tensor.format] else {
        throw .inexpressible(
          file: file.name, part: "tensor \(tensor.name.quoted)", found: tensor.format.rawValue.uppercased(),
          expected: types.values.sorted().joined(separator: ", "))
      }
      let start = end
      let (sum, overflow) = end.addingReportingOverflow(tensor.range.count)
      guard !overflow else {
        throw .inexpressible(file: file.name, part: "size", found: "more bytes than 64 bits count", expected: "fewer")
      }
      end = sum
      header[tensor.name] = .object([
        "dtype": .string(type), "shape": .integers(tensor.shape), "data_offsets": .integers([start, end]),
      ])
    }
    var text = Array(MetadataValue.object(header).json().utf8)
    // Spaces, so that the numbers begin at a multiple of 8.
    text += Array(repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
    guard UInt64(text.count) <= SafetensorsReader.headerLimit else {
      throw .inexpressible(
        file: file.name, part: "header", found: "\(text.count) bytes",
        expected: "at most \(SafetensorsReader.headerLimit)")
    }
    var length = ByteWriter()
    length.append(UInt64(text.count))
    try file.write(length.bytes)
    try file.write(text)
    try TensorStream(tensors: tensors, alignment: 1).write(to: &file, progress: progress)
  }
}
