import KelvinCheckpoints
import KelvinTensors

/// Which format every tensor of a converted model gets.
///
/// Matrices get the type that was asked for. Vectors (norms, biases, rotary tables) and the routers of experts stay F32:
/// they are small, and llama.cpp wants them so. The embedding and the output head, which every token goes through, get
/// at least 6 bits. Where rows are no whole blocks, or numbers are too large, the next wider format takes over.
struct FormatPlan {
  let type: WeightFormat?
  let style: Checkpoint.Style
  let processor: Processor
  /// What could not be as it was asked for.
  private(set) var notes: [String] = []

  init(type: WeightFormat?, style: Checkpoint.Style, processor: Processor) {
    self.type = type
    self.style = style
    self.processor = processor
  }

  /// Gives tensors that a retrofit computed the format that they had; those that were not there before get that of most
  /// other weights, or F16 where that has blocks.
  func keepFormats(of source: Checkpoint, in result: inout Checkpoint) {
    let usual = Self.mainFormat(of: source.tensors.values)
    for (name, tensor) in result.tensors {
      let old = source.tensors[name]?.format ?? (usual.blockLength == 1 ? usual : .f16)
      guard old != tensor.format else { continue }
      let format = Self.fitting(WeightFormat.written.contains(old) ? old : .f16, tensor)
      result.tensors[name] = tensor.converted(to: format, processor: processor)
    }
  }

  /// Converts the tensors, lazily, and states the new type in the metadata.
  /// - Parameter progress: called with the share that is looked through; `false` ends it.
  mutating func apply(to checkpoint: inout Checkpoint, progress: (Double) -> Bool) throws(EngineError) {
    var (narrow, large) = ([WeightFormat: [StoredTensor]](), [StoredTensor]())
    for (index, tensor) in checkpoint.orderedTensors.enumerated() {
      guard progress(Double(index) / Double(checkpoint.tensors.count)) else { throw .cancelled }
      let wanted = wanted(for: tensor)
      var format = Self.fitting(wanted, tensor)
      if format != wanted { narrow[format, default: []].append(tensor) }
      if format != tensor.format, format != .f32, !holds(tensor, format) {
        large.append(tensor)
        format = .f32
      }
      checkpoint.tensors[tensor.name] = tensor.converted(to: format, processor: processor)
    }
    guard progress(1) else { throw .cancelled }
    for (format, tensors) in narrow.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      notes.append("\(Self.list(tensors)) as \(format.rawValue.lowercased()): rows are no whole blocks")
    }
    if !large.isEmpty { notes.append("\(Self.list(large)) as f32: numbers are not finite or too large") }
    state(in: &checkpoint)
  }

  // MARK: Choosing

  private func wanted(for tensor: StoredTensor) -> WeightFormat {
    let isPlain = [.f32, .f16, .bf16].contains(tensor.format)
    guard let type else { return style == .gguf || isPlain ? tensor.format : .f16 }
    if tensor.shape.count < 2 || tensor.name.contains("ffn_gate_inp.") { return .f32 }
    let isWholeVocabulary = ["token_embd.weight", "output.weight"].contains(tensor.name)
    return isWholeVocabulary && type.bitsPerNumber < 6 ? .q6_K : type
  }

  /// `wanted`, or the next wider format whose blocks the rows are made of.
  private static func fitting(_ wanted: WeightFormat, _ tensor: StoredTensor) -> WeightFormat {
    let columns = tensor.shape.last ?? 1
    if columns.isMultiple(of: wanted.blockLength) { return wanted }
    switch wanted {
    // The same codes with scales of their own, in blocks of 32.
    case .q4_K: return fitting(.q4_1, tensor)
    case .q6_K: return fitting(.q8_0, tensor)
    default: return .f16
    }
  }

  private func holds(_ tensor: StoredTensor, _ format: WeightFormat) -> Bool {
    let limit = format.largestMagnitude
    // False for what is not a number too.
    return processor.numbers(of: tensor).allSatisfy { abs($0) <= limit }
  }

  private static func list(_ tensors: [StoredTensor]) -> String {
    tensors.count == 1 ? "tensor \(tensors[0].name)" : "\(tensors.count) tensors, from \(tensors[0].name) on,"
  }

  private static func mainFormat(of tensors: some Sequence<StoredTensor>) -> WeightFormat {
    let bytes = Dictionary(grouping: tensors, by: \.format).mapValues { $0.reduce(0) { $0 + $1.range.count } }
    return bytes.max { ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue) }?.key ?? .f32
  }

  // MARK: Saying

  /// The format that holds most bytes, as the containers state it.
  private func state(in checkpoint: inout Checkpoint) {
    let main = type ?? Self.mainFormat(of: checkpoint.tensors.values)
    switch style {
    case .huggingFace:
      let names: [WeightFormat: String] = [.f32: "float32", .f16: "float16", .bf16: "bfloat16"]
      // The newer name of the key, where the file has it.
      let key = checkpoint.metadata["dtype"] == nil ? "torch_dtype" : "dtype"
      checkpoint.metadata[key] = names[main].map { .string($0) }
    case .gguf:
      let numbers: [WeightFormat: Int] = [
        .f32: 0, .f16: 1, .q4_0: 2, .q4_1: 3, .q8_0: 7, .q4_K: 14, .q6_K: 18, .bf16: 32,
      ]
      if type != nil || checkpoint.metadata["general.file_type"] == nil {
        checkpoint.metadata["general.file_type"] = numbers[main].map { .integer($0) }
      }
      if checkpoint.tensors.values.contains(where: { $0.format.blockLength > 1 }) {
        checkpoint.metadata["general.quantization_version"] = .integer(2)
      }
    }
  }
}
