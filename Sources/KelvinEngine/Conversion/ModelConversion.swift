import Foundation
import KelvinCheckpoints
public import KelvinModels
public import KelvinTensors
import KelvinText

/// How a model is converted.
public struct ConversionOptions: Sendable, Hashable {
  /// The format of the matrices; `nil` keeps what is stored, as F16 where the new file cannot hold it.
  public var type: WeightFormat?
  /// Fewer KV heads; `nil` keeps them.
  public var pooling: HeadPooling?
  /// Latent attention, made of what pooling leaves; `nil` keeps attention as it is.
  public var latent: LatentOptions?
  /// Worker threads; `nil` takes one per processor.
  public var threads: Int?

  /// Nothing but another container.
  public init() {}
}

/// A model that is ready to be written in another container, with other names, formats and heads.
///
/// Making one reads the source's facts and looks through the numbers that change their format; nothing is written before
/// `write`, and then one tensor at a time is in memory.
public struct ModelConversion: Sendable {
  /// What will be written.
  public let report: ConversionReport
  private let checkpoint: Checkpoint
  private let files: [String: [UInt8]]
  private let path: String

  /// Plans a conversion.
  /// - Parameters:
  ///   - input: a GGUF file, a folder with `config.json` and safetensors, or a llama2.c file.
  ///   - output: a GGUF file where it ends in `.gguf`, otherwise a Hugging Face folder.
  ///   - options: the format of the weights, the number of KV heads, latent attention.
  ///   - progress: called with the share that is done, in 0...1; `false` ends it.
  /// - Throws: `EngineError`.
  public init(
    from input: String, to output: String, options: ConversionOptions = ConversionOptions(),
    progress: (Double) -> Bool = { _ in true }
  ) throws(EngineError) {
    let style = try Self.style(of: output)
    try options.latent?.validate()
    do {
      try CheckpointWriter.requireFree(path: output)
    } catch {
      throw Self.failure(error)
    }
    let source = try LoadedModel.checkpoint(path: input)
    let processor = try Self.processor(options.threads)
    var plan = FormatPlan(type: options.type, style: style, processor: processor)
    var changed: Checkpoint
    var omissions: [String] = []
    do {
      changed = try options.pooling?.apply(to: source) ?? source
      if options.type == nil { plan.keepFormats(of: source, in: &changed) }
      if source.style != style || source.metadata["kelvin.rotary_pairs"] != nil {
        let conversion = try ArchitectureRegistry.conversion(of: changed)
        omissions = try conversion.omissions(of: changed)
        changed = try conversion.translate(changed, to: style)
      }
    } catch {
      throw EngineError(converting: error)
    }
    let retrofit = try options.latent.map { latent throws(EngineError) in
      try LatentRetrofit(latent, of: source, as: changed, plan: plan, progress: progress)
    }
    changed = retrofit?.result ?? changed
    let text = try TextCarrier(source, path: input, style: style)
    text.add(to: &changed, source: source)
    // A retrofit goes on after this, so the end of this is not the end.
    try plan.apply(to: &changed, progress: retrofit == nil ? progress : { _ in progress(0.75) })
    var notes = omissions + plan.notes + text.notes
    if !source.otherTensors.isEmpty {
      notes.append("left out, as they are no weights: \(source.otherTensors.keys.sorted().joined(separator: ", "))")
    }
    var report = ConversionReport(from: source, to: changed, notes: notes)
    report.latent = try retrofit?.report(changed, progress: progress)
    self.report = report
    checkpoint = changed
    files = text.files
    path = output
  }

  private static func style(of output: String) throws(EngineError) -> Checkpoint.Style {
    let lowered = output.lowercased()
    guard !lowered.hasSuffix(".safetensors"), !lowered.hasSuffix(".bin") else {
      throw .invalidOption(
        option: "OUT", found: output, expected: "a name that ends in .gguf, or that of a folder for safetensors")
    }
    return lowered.hasSuffix(".gguf") ? .gguf : .huggingFace
  }

  /// Writes the model; its name appears when it is whole.
  /// - Parameter progress: called with the share that is written, in 0...1; `false` ends it and leaves nothing behind.
  /// - Throws: `EngineError.unwritableModel`, or `.cancelled` after `progress` said so.
  public func write(progress: (Double) -> Bool = { _ in true }) throws(EngineError) {
    do {
      try CheckpointWriter.write(checkpoint, path: path, files: files, progress: progress)
    } catch {
      throw Self.failure(error)
    }
  }

  private static func failure(_ error: CheckpointError) -> EngineError {
    if error.isCancelled { return .cancelled }
    if error.isUnwritable { return .unwritableModel(reason: error.description) }
    return .unreadableModel(reason: error.description, isMissing: false)
  }

  private static func processor(_ threads: Int?) throws(EngineError) -> Processor {
    do {
      return try Processor(threads: threads)
    } catch {
      throw .memory(error.description)
    }
  }
}

/// What a conversion makes of a model.
public struct ConversionReport: Sendable, Hashable, Codable {
  /// Tensors of one format.
  public struct Format: Sendable, Hashable, Codable {
    /// The format's name.
    public var format: String
    /// How many tensors there are.
    public var tensors: Int
    /// Bytes that they take.
    public var bytes: Int
  }

  /// Tensors that are written.
  public var tensors: Int
  /// Numbers in them.
  public var weights: Int
  /// Bytes of all tensors of the source.
  public var bytesBefore: Int
  /// Bytes of all tensors that are written.
  public var bytesAfter: Int
  /// Bits that a number takes on average, scales included.
  public var bitsPerWeight: Double
  /// One element per format that occurs, most bytes first.
  public var formats: [Format]
  /// What is not as it was asked for, or got lost, a sentence each.
  public var notes: [String]
  /// What became of attention where it was made latent.
  public var latent: LatentReport?

  enum CodingKeys: String, CodingKey {
    case tensors, weights, formats, notes, latent
    case bytesBefore = "bytes_before"
    case bytesAfter = "bytes_after"
    case bitsPerWeight = "bits_per_weight"
  }

  init(from source: Checkpoint, to result: Checkpoint, notes: [String]) {
    func bytes(_ tensors: some Sequence<StoredTensor>) -> Int { tensors.reduce(0) { $0 + $1.range.count } }
    tensors = result.tensors.count
    weights = result.tensors.values.reduce(0) { $0 + $1.count }
    bytesBefore = bytes(source.tensors.values)
    bytesAfter = bytes(result.tensors.values)
    bitsPerWeight = weights == 0 ? 0 : Double(bytesAfter) * 8 / Double(weights)
    formats = Dictionary(grouping: result.tensors.values, by: \.format)
      .map { Format(format: $0.rawValue, tensors: $1.count, bytes: bytes($1)) }
      .sorted { ($1.bytes, $0.format) < ($0.bytes, $1.format) }
    self.notes = notes
  }
}
