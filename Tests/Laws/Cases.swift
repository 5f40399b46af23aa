import KelvinAttention
import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// One policy on one shape of attention with one entry format; the laws hold for all of them.
struct LawCase: Sendable, CustomTestStringConvertible {
  var policy: String
  var model: String
  var format: EntryFormat
  /// An option that is not at its default, written `key=value`.
  var option: String?
  /// The newest entries that stay in f16.
  var residual = 0

  var formats: EntryFormats { EntryFormats(keys: format, values: format, residual: residual) }
  var testDescription: String { "\(policy)\(option.map { ":" + $0 } ?? ""), \(model), \(formats)" }

  /// Multi-head, grouped-query, multi-query and latent attention with random weights; one with heads of 32, which quantised entries
  /// need; one whose layers have different numbers of KV heads; windows beside a shared store, states beside a shared store, merging entries, and two kinds of sink.
  ///
  /// Merging is a decision: a key whose last bits differ may be appended where another was merged, so that chunks of f16
  /// entries need not agree.
  static let models: [(name: String, formats: [EntryFormat])] = [
    ("llama-mha", [.f32, .f16, .bf16]), ("llama-gqa", [.f32, .f16, .bf16]), ("llama-mqa", [.f32, .f16, .bf16]),
    ("llama-rope3", [.q8_0, .q4_0]), ("deepseek-v2-lite-dense", [.f32, .f16, .q8_0, .q4_0]),
    ("llama-mixed", [.f32, .q8_0]), ("yoco-swa", [.f32, .f16]), ("yoco-gret", [.f32, .bf16]), ("dmc-llama", [.f32]),
    ("sink-learned", [.f32]), ("sink-zero", [.f32]),
  ]

  /// Options that have columns of their own.
  private static let variants = [("h2o", "history=20")]
  /// Quantised entries beside newest ones in f16, of two kinds.
  private static let residuals: [(model: String, format: EntryFormat)] = [
    ("llama-rope3", .q4_0), ("deepseek-v2-lite-dense", .q8_0),
  ]

  /// Every registered policy on every shape in every format, and variants on every shape.
  static let all =
    PolicyRegistry.all.flatMap { entry in
      models.flatMap { model in
        model.formats.map { LawCase(policy: entry.name, model: model.name, format: $0) }
      } + residuals.map { LawCase(policy: entry.name, model: $0.model, format: $0.format, residual: 24) }
    }
    + variants.flatMap { policy, option in
      models.map { LawCase(policy: policy, model: $0.name, format: $0.formats[0], option: option) }
    }

  /// The cases of policies that can be given a budget.
  static let budgeted = all.filter { $0.has("budget") }

  /// Of these, the cases of policies that act at any moment, not only when the prompt ends.
  static let steady = budgeted.filter(\.actsInSteps)

  /// Whether the policy can be asked to act in decode.
  var actsInSteps: Bool { options.contains { $0.key == "when" && $0.values.contains("decode") } }

  private var options: [PolicyOption] { PolicyRegistry.all.first { $0.name == policy }?.options ?? [] }

  /// Whether the policy understands an option.
  func has(_ option: String) -> Bool { options.contains { $0.key == option } }

  /// The policy with every option at its default but the case's own and `budget`, where it has one.
  func specification(budget: String) throws -> PolicySpecification {
    var specification = try PolicySpecification(option.map { "\(policy):\($0)" } ?? policy)
    if has("budget") { specification["budget"] = budget }
    return specification
  }

  /// The policy with a budget, in all layers.
  func makePolicy(budget: String) throws -> any CachePolicy {
    var specification = try specification(budget: budget)
    if has("skip") { specification["skip"] = "none" }
    return try PolicyRegistry.make(specification)
  }

  /// The policy with options that let every entry stay.
  func makeGenerous() throws -> any CachePolicy {
    var specification = try specification(budget: "100000")
    if has("threshold") { specification["threshold"] = "1" }
    return try PolicyRegistry.make(specification)
  }

  /// 200 tokens: 150 of a prompt, which take three pages of a head, and 50 steps.
  static func text(for model: TestModel) -> [Int32] {
    var numbers = SeededNumbers(seed: 7)
    return numbers.tokens(200, vocabulary: model.model.vocabulary)
  }
  static let prompt = 150
}

/// What a cache looked like after a pass.
struct Snapshot: Equatable {
  var kept: [[[Int32]]]
  /// Those of the kept that are in f16 beside quantised ones.
  var residual: [[[Int32]]]
  var bytes: Int
  var pages: Int
  var seen: Int

  init(_ cache: borrowing SequenceCache) {
    let report = cache.report(policy: "", budget: nil)
    kept = cache.keptPositions
    residual = cache.residualPositions
    bytes = report.bytes
    pages = report.pages
    seen = report.seen
  }
}

/// What a model said and what its cache looked like, pass by pass.
struct Course: Equatable {
  var logits: [[Float]]
  var snapshots: [Snapshot]

  /// Reads the text of the laws.
  init(
    _ law: LawCase, _ policy: any CachePolicy, threads: Int = 1, chunk: Int? = nil, reviewsChunks: Bool = false,
    form: LatentForm? = nil
  ) throws {
    let model = try TestModel(law.model, threads: threads)
    var cache = model.cache(policy, formats: law.formats)
    cache.latentForm = form
    var snapshots: [Snapshot] = []
    logits = try model.read(
      LawCase.text(for: model), prompt: LawCase.prompt, chunk: chunk, reviewsChunks: reviewsChunks, into: &cache
    ) { snapshots.append(Snapshot($0)) }
    self.snapshots = snapshots
  }

  /// Reads the text of the laws with a budget.
  init(
    _ law: LawCase, budget: String, threads: Int = 1, chunk: Int? = nil, reviewsChunks: Bool = false
  ) throws {
    try self.init(
      law, law.makePolicy(budget: budget), threads: threads, chunk: chunk, reviewsChunks: reviewsChunks)
  }
}

extension StoreLayout {
  /// Whether entries leave only where a policy says so: not by a window, nor by merging.
  var isLeftByPoliciesOnly: Bool { reach == .everything && gating == nil }
}
