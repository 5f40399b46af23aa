import KelvinAttention
import KelvinCache
import KelvinEngine
import KelvinModels
import KelvinPolicies

/// What `kelvin plan` plans.
enum PlanSubject {
  case model(ModelInspection)
  case shape(CacheLayout, queryHeads: Int)

  var inspection: ModelInspection? {
    if case .model(let inspection) = self { inspection } else { nil }
  }
  var layout: CacheLayout {
    switch self {
    case .model(let inspection): inspection.description.layout
    case .shape(let layout, _): layout
    }
  }
  var queryHeads: Int {
    switch self {
    case .model(let inspection): inspection.description.queryHeads
    case .shape(_, let queryHeads): queryHeads
    }
  }
  /// The same layout with a KV head for every query head; `nil` where it has that already, or has latents, of which every
  /// head makes its own keys and values.
  var multiHead: CacheLayout? {
    guard layout.stores.contains(where: { $0.heads != queryHeads && $0.values == .stored(width: $0.valueWidth) })
    else { return nil }
    var multiHead = layout
    for index in multiHead.stores.indices { multiHead.stores[index].heads = queryHeads }
    return multiHead
  }
}

/// A plan as it is printed.
struct PlanReport: Encodable {
  /// The cache of one layout.
  struct Cache: Encodable {
    var formula: String
    var numbers: String
    var format: String
    var bytesPerToken: Int
    /// The formula's value.
    var bytes: Int
    /// What the allocator takes.
    var pageBytes: Int
    /// Whether these are the most there can be: how many entries are merged depends on the text.
    var isBound: Bool

    enum CodingKeys: String, CodingKey {
      case formula, numbers, format, bytes
      case bytesPerToken = "bytes_per_token"
      case pageBytes = "page_bytes"
      case isBound = "is_bound"
    }

    init(_ plan: CachePlan) {
      (formula, numbers) = plan.formula
      format = plan.formats.description
      bytesPerToken = plan.layout.bytesPerToken(formats: plan.formats)
      isBound = plan.layout.stores.contains { $0.gating != nil }
      bytes = plan.entryBytes
      pageBytes = plan.fullBytes
    }
  }
  /// What a policy leaves.
  struct Policy: Encodable {
    var policy: String
    /// Entries of a head, in the mean over a store's heads; one number per store.
    var kept: [Int]
    var bytes: Int
    /// Whether these are the most there can be: how entries lie in pages depends on the text.
    var isBound: Bool
    var peakBytes: Int

    enum CodingKeys: String, CodingKey {
      case policy, kept, bytes
      case isBound = "is_bound"
      case peakBytes = "peak_bytes"
    }
  }
  /// How much goes into a memory.
  struct Fit: Encodable {
    var memory: Int
    var weightBytes: Int
    /// Tokens of every sequence; `nil`: any number.
    var tokens: Int?
    /// The model's context.
    var context: Int?

    enum CodingKeys: String, CodingKey {
      case memory, tokens, context
      case weightBytes = "weight_bytes"
    }
  }
  /// The arithmetic of writing `tokens` tokens, and its growth since half as many.
  struct Growth: Encodable {
    var tokens: Int
    var uncached, cached: Double
    var uncachedGrowth, cachedGrowth: Double?

    enum CodingKeys: String, CodingKey {
      case tokens, uncached, cached
      case uncachedGrowth = "uncached_growth"
      case cachedGrowth = "cached_growth"
    }
  }

  var name: String?
  var layers: Int
  var queryHeads: Int
  var tokens: Int
  var generatedTokens: Int
  /// Tokens of the model's own in front of them.
  var leadingTokens: Int
  var batch: Int
  var activeParameters: Int?
  var cache: Cache
  /// With as many KV heads as query heads, where the model has fewer.
  var multiHead: Cache?
  var policy: Policy?
  var fits: Fit
  var growth: [Growth]

  enum CodingKeys: String, CodingKey {
    case name, layers, tokens, batch, cache, policy, fits, growth
    case queryHeads = "query_heads"
    case generatedTokens = "generated_tokens"
    case leadingTokens = "leading_tokens"
    case activeParameters = "active_parameters"
    case multiHead = "multi_head"
  }

  init(
    subject: PlanSubject, options: CacheOptions, tokens: Int?, generated: Int, batch: Int, memory: Int
  ) throws(EngineError) {
    let model = subject.inspection?.description
    let layout = subject.layout
    let context = options.context ?? model?.contextLength ?? 4096
    leadingTokens = model?.leadingTokens ?? 0
    let tokens = tokens ?? max(1, context - leadingTokens - max(0, min(context, generated) - 1))
    let prompt = leadingTokens + tokens
    let plan = try CachePlan(layout: layout, options: options, tokens: prompt, generated: generated, batch: batch)
    name = subject.inspection?.name
    layers = layout.storeOfLayer.count + layout.states.count
    queryHeads = subject.queryHeads
    (self.tokens, generatedTokens, self.batch) = (tokens, generated, batch)
    activeParameters = model?.activeParameters
    cache = Cache(plan)
    if let layout = subject.multiHead {
      multiHead = Cache(
        try CachePlan(layout: layout, options: options, tokens: prompt, generated: generated, batch: batch))
    }
    policy = plan.keptEntries.map { kept in
      Policy(
        policy: options.policy.description, kept: kept, bytes: plan.keptBytes, isBound: plan.keptIsBound,
        peakBytes: plan.peakBytes)
    }
    let weightBytes = subject.inspection?.weightBytes ?? 0
    let longest = try CachePlan.longestPrompt(
      layout: layout, options: options, generated: generated, batch: batch, bytes: memory - weightBytes)
    fits = Fit(
      memory: memory, weightBytes: weightBytes, tokens: longest.map { [leadingTokens] in max(0, $0 - leadingTokens) },
      context: model?.contextLength)
    growth = model.map { Self.growth(GenerationCost($0)) } ?? []
  }

  private static func growth(_ cost: GenerationCost) -> [Growth] {
    [512, 1024, 2048, 4096, 8192].map { tokens in
      func growth(_ isCached: Bool) -> Double? {
        tokens > 512 ? cost.growth(doubling: tokens / 2, isCached: isCached) : nil
      }
      return Growth(
        tokens: tokens, uncached: cost.operations(tokens: tokens, isCached: false),
        cached: cost.operations(tokens: tokens, isCached: true), uncachedGrowth: growth(false),
        cachedGrowth: growth(true))
    }
  }
}
