import ArgumentParser
import Foundation
import KelvinAttention
import KelvinCache
import KelvinEngine
import KelvinModels
import KelvinPolicies
import KelvinTensors

/// `kelvin plan`: what a cache will take, before it takes it.
struct Plan: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says how many bytes a cache takes, how time grows, and what fits.",
    discussion: """
      Nothing is loaded and no memory is taken.

      Examples:
        kelvin plan model.gguf --tokens 8192 --kv-policy h2o --kv-budget 20%
        kelvin plan model.gguf --tokens 2000 -n 500 --kv-policy snapkv
        kelvin plan --config config.json --tokens 1000000 --fits 80GB
        kelvin plan --layers 80 --heads 64 --kv-heads 8 --head-dim 128 --tokens 1000 --batch 8
      """)

  @OptionGroup var model: ModelFile
  @Option(help: "A Hugging Face config.json; no weights are needed.")
  var config: String?
  @Option(help: "Without a model: transformer layers.")
  var layers: Int?
  @Option(help: "Without a model: query heads of a layer.")
  var heads: Int?
  @Option(help: "Without a model: KV heads of a layer. (default: as many as query heads)")
  var kvHeads: Int?
  @Option(help: "Without a model: width of a head.")
  var headDim: Int?
  @Option(help: "Tokens of every prompt. (default: what -n leaves of --ctx-size, of the model's context, or of 4096)")
  var tokens: Int?
  @Option(
    name: [.short, .customLong("predict"), .customLong("n-predict")], parsing: .unconditional,
    help: "Tokens that are generated after every prompt.")
  var n = 0
  @Option(help: "Sequences at one time.")
  var batch = 1
  @Option(help: "Bytes of one number in the cache: 2 is f16, 4 is f32. (default: as --cache-type-k and -v say)")
  var bytes: Int?
  @OptionGroup var cache: CacheFlags
  @Option(help: "Memory for weights and cache, for example 8GiB. (default: this machine's memory)")
  var fits: String?
  @Flag(help: "Print one JSON object.")
  var json = false

  func run() async throws {
    try await reporting {
      let report = try PlanReport(
        subject: try subject(), options: try options(), tokens: tokens, generated: n, batch: batch, memory: try memory()
      )
      if json {
        try Output.json(report)
      } else {
        Terminal.write(report.text)
      }
    }
  }

  /// What is planned: a model, a configuration, or a shape.
  private func subject() throws -> PlanSubject {
    let shape = [layers, heads, kvHeads, headDim]
    let model = try model.path()
    let ways = [model != nil, config != nil, shape.contains { $0 != nil }]
    guard ways.filter({ $0 }).count == 1 else {
      throw Failure(
        "give exactly one of MODEL, --config FILE, and --layers with --heads and --head-dim", code: SystemExit.usage)
    }
    if let model { return .model(try ModelInspection(path: model)) }
    if let config { return .model(try ModelInspection(configuration: config)) }
    guard let layers, let heads, let headDim else {
      throw Failure("--layers, --heads and --head-dim belong together; give all three", code: SystemExit.usage)
    }
    let layout = try CacheLayout(layers: layers, heads: kvHeads ?? heads, width: headDim)
    guard let kvHeads, !heads.isMultiple(of: kvHeads) else { return .shape(layout, queryHeads: heads) }
    throw EngineError.invalidOption(
      option: "kv-heads", found: "\(kvHeads)", expected: "a divisor of the \(heads) heads")
  }

  private func options() throws -> CacheOptions {
    var options = try cache.options(exact: false)
    guard options.isCached else {
      throw Failure("plan shows the time without a cache by itself; leave out --no-cache", code: SystemExit.usage)
    }
    guard let bytes else { return options }
    guard let format = [2: EntryFormat.f16, 4: .f32][bytes], cache.keys == nil, cache.values == nil else {
      throw EngineError.invalidOption(
        option: "bytes", found: "\(bytes)", expected: "2 or 4, and neither --cache-type-k nor --cache-type-v beside it")
    }
    options.formats = EntryFormats(keys: format, values: format, residual: cache.residual)
    return options
  }

  /// Bytes that weights and cache may take together.
  private func memory() throws -> Int {
    guard let fits else { return Int(clamping: ProcessInfo.processInfo.physicalMemory) }
    guard case .bytes(let bytes)? = Budget(fits) else {
      throw EngineError.invalidOption(option: "fits", found: fits, expected: "bytes like 8GiB")
    }
    return bytes
  }
}
