public import ArgumentParser
import Foundation
import KelvinCache
import KelvinEngine
import KelvinPolicies
public import KelvinTensors

/// Options of every command that loads a model.
struct ModelOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "The model: a GGUF file, a safetensors folder, or a llama2.c file.")
  var model: String

  @Option(name: .shortAndLong, help: "Worker threads. (default: one per processor)")
  var threads: Int?

  @Option(
    help: "Kernels: an instruction set, perhaps with more rounding. (default: the fastest of this machine)")
  var kernels: Kernels.Variant?

  @Flag(help: "Compute with 32-bit floats throughout: weights, activations, cache.")
  var exact = false

  /// Loads the model for sequences as long as `cache` says, with progress on a terminal.
  /// - Parameter chatTemplate: a name or a file; `nil`: the model's own, or the usual one.
  func load(_ cache: CacheFlags, chatTemplate: String? = nil) async throws -> Engine {
    var options = Engine.Options()
    options.threads = threads
    options.kernels = kernels
    options.isExact = exact
    options.sequenceLength = cache.context
    options.chatTemplate = chatTemplate
    let engine = try await Engine(path: model, options: options) { Terminal.progress("loading", $0) }
    Terminal.progress("loading", 1)
    return engine
  }
}

/// Options that say what a sequence remembers.
struct CacheFlags: ParsableArguments {
  @Option(
    name: [.customLong("kv-policy")],
    help: "Which entries stay: NAME[:key=value,...]; see 'kelvin policies'.")
  var policy = "full"

  @Option(
    name: [.customLong("kv-budget")],
    help: "What every head may keep: entries (512), a share of the prompt (20%), or bytes (64MiB).")
  var budget: String?

  @Option(name: [.customLong("kv-sinks")], help: "First tokens that always stay, for policies that have sinks.")
  var sinks: Int?

  @Option(name: [.customLong("kv-recent")], help: "Newest entries that always stay, for policies that have a window.")
  var recent: Int?

  @Option(
    name: [.customLong("kv-protect")],
    help: "What always stays: any of sinks:N, recent:N, special, punctuation, newline, prompt, joined by commas.")
  var protect: String?

  @Option(name: [.customLong("kv-when")], help: "When entries may leave: prefill, decode or both.")
  var when: String?

  @Option(
    name: [.customLong("cache-type-k"), .customLong("ctk", withSingleDash: true)],
    help: "Format of keys: f32, f16, bf16, q8_0, q4_0. (default: f16; f32 with --exact)")
  var keys: EntryFormat?

  @Option(
    name: [.customLong("cache-type-v"), .customLong("ctv", withSingleDash: true)],
    help: "Format of values: f32, f16, bf16, q8_0, q4_0. (default: f16; f32 with --exact)")
  var values: EntryFormat?

  @Option(
    name: [.customLong("kv-residual")], parsing: .unconditional,
    help: "Newest entries of every head that stay in f16 where older ones are quantised.")
  var residual = 0

  @Flag(name: [.customLong("no-cache")], help: "Keep nothing: read all tokens again for every step.")
  var isUncached = false

  @Option(name: [.short, .customLong("ctx-size")], help: "Tokens a sequence may hold. (default: the model's context)")
  var context: Int?

  @Option(
    name: [.customLong("ubatch-size"), .customLong("ub", withSingleDash: true)],
    help: "Tokens read in one pass of a prompt.")
  var chunk = 512

  @Flag(
    name: [.customLong("kv-review-chunks")],
    help: "Let entries leave between the chunks of a prompt, so that memory never exceeds budget + chunk.")
  var reviewsChunks = false

  @Option(
    name: [.customLong("kv-limit")],
    help: "Bytes that a sequence's pages and states may take, for example 64MiB. (default: no limit)")
  var limit: String?

  /// What the flags say, checked.
  /// - Parameter other: a policy to take instead, always with a cache; the flags of the first do not concern it.
  func options(exact: Bool, policy other: String? = nil) throws -> CacheOptions {
    var options = CacheOptions()
    do {
      options.policy = try PolicySpecification(other ?? policy)
    } catch {
      throw EngineError.policy(error.description)
    }
    let sugar: [(key: String, value: String?)] = [
      ("budget", budget), ("sinks", sinks.map(String.init)), ("recent", recent.map(String.init)), ("when", when),
    ]
    for (key, value) in sugar where value != nil && other == nil { options.policy[key] = value }
    if let protect, other == nil { try options.policy.protect(protect) }
    let usual: EntryFormat = exact ? .f32 : .f16
    options.formats = EntryFormats(keys: keys ?? usual, values: values ?? usual, residual: residual)
    options.isCached = !isUncached || other != nil
    options.context = context
    options.chunk = chunk
    options.reviewsChunks = reviewsChunks
    if let limit {
      guard case .bytes(let bytes)? = Budget(limit) else {
        throw EngineError.invalidOption(option: "kv-limit", found: limit, expected: "bytes like 64MiB")
      }
      options.limit = bytes
    }
    if !options.isCached, options.policy.name != "full" {
      throw EngineError.invalidOption(
        option: "no-cache", found: "--kv-policy \(policy)", expected: "no policy: without a cache nothing is kept")
    }
    return options
  }
}

/// Options that say how tokens are chosen.
struct SamplingFlags: ParsableArguments {
  @Option(help: "0 chooses the most likely token; larger is more varied.")
  var temp: Float = 0.8
  @Option(help: "Choose among the k most likely tokens; 0: all.")
  var topK = 40
  @Option(help: "Choose among the most likely tokens that together have this probability; 1: all.")
  var topP: Float = 0.95
  @Option(help: "Choose among tokens at least this share as likely as the likeliest; 0: all.")
  var minP: Float = 0.05
  @Option(help: "Divide the logits of repeated tokens by this; 1: off.")
  var repeatPenalty: Float = 1
  @Option(parsing: .unconditional, help: "Subtract this from the logits of tokens that occurred; 0: off.")
  var presencePenalty: Float = 0
  @Option(parsing: .unconditional, help: "Subtract this for each time a token occurred; 0: off.")
  var frequencyPenalty: Float = 0
  @Option(parsing: .unconditional, help: "How many of the newest tokens the penalties see; -1: all.")
  var repeatLastN = 64
  @Option(
    name: [.short, .customLong("logit-bias")],
    help: "Add to the logit of a token: 15043+1, 15043-1.5 or 15043-inf; may be repeated.")
  var logitBias: [String] = []
  @Option(name: .shortAndLong, help: "Seed of the random numbers. (default: a new one each time)")
  var seed: UInt64?
  @Option(
    name: [.short, .customLong("reverse-prompt"), .customLong("stop")],
    help: "End at this text; may be repeated.")
  var reversePrompt: [String] = []
  @Flag(help: "Go on after the model has ended its answer.")
  var ignoreEos = false

  /// What the flags say.
  func options() throws -> SamplingOptions {
    var options = SamplingOptions()
    options.temperature = temp
    options.topK = topK
    options.topP = topP
    options.minP = minP
    options.repetitionPenalty = repeatPenalty
    options.presencePenalty = presencePenalty
    options.frequencyPenalty = frequencyPenalty
    options.penaltyWindow = repeatLastN
    options.seed = seed
    for bias in logitBias {
      guard let sign = bias.dropFirst().firstIndex(where: { $0 == "+" || $0 == "-" || $0 == "=" }),
        let token = Int32(bias[..<sign]),
        let value = Float(bias[sign] == "=" ? bias[bias.index(after: sign)...] : bias[sign...])
      else {
        throw EngineError.invalidOption(
          option: "logit-bias", found: bias, expected: "a token id and a number, like 15043-1")
      }
      options.logitBias[token] = value
    }
    try options.validate()
    return options
  }
}

extension Kernels.Variant: ExpressibleByArgument {}
extension EntryFormat: ExpressibleByArgument {}
