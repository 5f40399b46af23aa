import Foundation
public import KelvinAttention
public import KelvinTensors

/// The sizes and constants of a YOCO: what its configuration says, checked.
///
/// The keys are those of flash-linear-attention's `YOCOConfig`, besides two of the authors' code that it lacks:
/// `embedding_multiplier`, and `rope_inv_freq` with `rope_interleaved` for how heads are turned.
public struct YOCOConfiguration: Sendable, Hashable {
  /// How the layers of the self-decoder look back.
  public enum SelfDecoder: Sendable, Hashable {
    /// Attention to the newest positions, so many.
    case window(Int)
    /// One matrix per head that every token decays and adds to; decays are `σ(x·w)` to the power of one by `divisor`.
    case gatedRetention(divisor: Float)
  }
  /// The heads of one half of the model, and how they are turned.
  public struct Heads: Sendable, Hashable {
    /// Query heads `Hq`.
    public var queries: Int
    /// KV heads `H`; divides `queries`.
    public var keyValues: Int
    /// Width of a head; even.
    public var width: Int
    /// How queries and keys are turned.
    public var rotary: Rotary
  }

  /// Transformer layers of both halves.
  public var layers: Int
  /// Layers of the self-decoder; the others are the cross-decoder's.
  public var selfLayers: Int
  /// Width of the residual stream.
  public var hiddenWidth: Int
  /// Width between the two steps of the feed-forward part.
  public var feedForwardWidth: Int
  /// Number of tokens: rows of the embedding.
  public var vocabulary: Int
  /// Tokens that the model was trained to look back on.
  public var contextLength: Int
  /// What is added to the mean square under the root of a norm.
  public var normEpsilon: Float
  /// Whether the output head is the embedding.
  public var tiedEmbeddings: Bool
  /// What embeddings are multiplied by.
  public var embeddingFactor: Float
  /// How the first half looks back.
  public var selfDecoder: SelfDecoder
  /// The heads of each half.
  public var selfHeads, crossHeads: Heads

  private typealias Limit = DecoderConfiguration.Limit

  /// Reads the sizes from `checkpoint`; whether its tensors have them is the question that `validate` answers.
  /// - Throws: `ModelError` where a size is missing or senseless, or the model is not one computed here.
  public init(_ checkpoint: Checkpoint) throws(ModelError) {
    let facts = CheckpointFacts(checkpoint)
    guard checkpoint.style == .huggingFace else {
      throw .unsupported(
        model: checkpoint.name, key: "general.architecture", found: "yoco", supported: ["yoco in a Hugging Face folder"]
      )
    }
    layers = try facts.size("num_hidden_layers", limit: Limit.layers)
    selfLayers = try facts.size("num_self_decoder_layers", limit: max(1, layers - 1), default: max(1, layers / 2))
    hiddenWidth = try facts.size("hidden_size", limit: Limit.width)
    feedForwardWidth = try facts.size("intermediate_size", limit: Limit.width)
    vocabulary = try facts.size("vocab_size", limit: Limit.vocabulary)
    contextLength = try facts.size("max_position_embeddings", limit: Limit.context)
    normEpsilon = Float(try facts.positive("norm_eps", default: 1e-6))
    tiedEmbeddings = try facts.flag("tie_word_embeddings")
    embeddingFactor = Float(try facts.positive("embedding_multiplier", default: 1))
    try facts.refuse("hidden_act", unless: [.string("swish"), .string("silu")], supported: "swish")
    try facts.refuse("quantization_config", unless: [], supported: "weights in F32, F16 or BF16")
    guard layers > 1 else {
      throw .invalid(model: facts.model, key: "num_hidden_layers", found: "1", expected: "at least one layer a half")
    }
    let own = try facts.object("self_decoder_attn")
    selfDecoder = try Self.selfDecoder(own)
    selfHeads = try Self.heads(own, hiddenWidth: hiddenWidth)
    if case .gatedRetention = selfDecoder, selfHeads.keyValues != selfHeads.queries {
      throw .unsupported(
        model: facts.model, key: "self_decoder_attn.num_kv_heads", found: "\(selfHeads.keyValues)",
        supported: ["as many as heads, \(selfHeads.queries)"])
    }
    let cross = try facts.object("cross_decoder_attn")
    try cross.refuse("window_size", unless: [], supported: "nothing, as the cross-decoder sees everything")
    crossHeads = try Self.heads(cross, hiddenWidth: hiddenWidth)
  }

  private static func selfDecoder(_ facts: CheckpointFacts) throws(ModelError) -> SelfDecoder {
    switch try facts.text("type") {
    case "swa": return .window(try facts.size("window_size", limit: Limit.context))
    case "gated_retention":
      return .gatedRetention(divisor: Float(try facts.positive("gate_logit_normalizer", default: 16)))
    case nil: throw .missing(model: facts.model, key: facts.prefix + "type")
    case let found?:
      throw .unsupported(
        model: facts.model, key: facts.prefix + "type", found: found.quoted, supported: ["swa", "gated_retention"])
    }
  }

  private static func heads(_ facts: CheckpointFacts, hiddenWidth: Int) throws(ModelError) -> Heads {
    let queries = try facts.size("num_heads", limit: Limit.heads)
    let keyValues = try facts.size("num_kv_heads", limit: Limit.heads, default: queries)
    guard hiddenWidth.isMultiple(of: 2 * queries), hiddenWidth / queries <= Limit.headWidth else {
      throw .invalid(
        model: facts.model, key: facts.prefix + "num_heads", found: "\(queries)",
        expected: "heads of an even width up to \(Limit.headWidth), of the hidden width \(hiddenWidth)")
    }
    guard queries.isMultiple(of: keyValues) else {
      throw .invalid(
        model: facts.model, key: facts.prefix + "num_kv_heads", found: "\(keyValues)",
        expected: "a divisor of the \(queries) heads")
    }
    try facts.refuse("num_v_heads", unless: [.integer(keyValues)], supported: "\(keyValues), as many as keys")
    for key in ["qkv_bias", "qk_norm"] { try facts.refuse(key, unless: [.bool(false)], supported: "false") }
    let width = hiddenWidth / queries
    return Heads(queries: queries, keyValues: keyValues, width: width, rotary: try rotary(facts, width: width))
  }

  /// Both halves say for themselves how they are turned.
  private static func rotary(_ facts: CheckpointFacts, width: Int) throws(ModelError) -> Rotary {
    let base = try facts.positive("rope_theta", default: 10_000)
    let pairs = width / 2
    let frequencies: [Double]
    switch try facts.text("rope_inv_freq") {
    case nil, "default": frequencies = (0..<pairs).map { pow(base, -Double($0) / Double(pairs)) }
    // The authors' table ends with the inverse of the base itself, one step earlier than others.
    case "yoco": frequencies = (0..<pairs).map { pow(base, -Double($0) / Double(max(1, pairs - 1))) }
    case let found?:
      throw .unsupported(
        model: facts.model, key: facts.prefix + "rope_inv_freq", found: found.quoted, supported: ["default", "yoco"])
    }
    return Rotary(pairs: try facts.flag("rope_interleaved") ? .adjacent : .halves, frequencies: frequencies)
  }
}

extension YOCOConfiguration {
  /// A store of its own, or a state, for each layer of the self-decoder, and one store for the whole cross-decoder.
  public var layout: CacheLayout {
    func store(_ heads: Heads, _ reach: StoreLayout.Reach) -> StoreLayout {
      StoreLayout(
        heads: heads.keyValues, keyWidth: heads.width, values: .stored(width: heads.width), rotary: heads.rotary,
        reach: reach)
    }
    let shared = store(crossHeads, .everything)
    let crossLayers = layers - selfLayers
    switch selfDecoder {
    case .window(let window):
      return CacheLayout(
        stores: Array(repeating: store(selfHeads, .window(window)), count: selfLayers) + [shared],
        storeOfLayer: Array(0..<selfLayers) + Array(repeating: selfLayers, count: crossLayers))
    case .gatedRetention:
      let state = StateLayout(
        heads: selfHeads.queries, keyWidth: selfHeads.width, valueWidth: selfHeads.width, rotary: selfHeads.rotary)
      return CacheLayout(
        stores: [shared], storeOfLayer: Array(repeating: 0, count: crossLayers),
        states: Array(repeating: state, count: selfLayers))
    }
  }

  /// What tools show of a model.
  var summary: ModelDescription {
    ModelDescription(
      architecture: YOCO.entry.names[0], layout: layout, queryHeads: crossHeads.queries, hiddenWidth: hiddenWidth,
      feedForwardWidth: feedForwardWidth, vocabulary: vocabulary, contextLength: contextLength,
      tiedEmbeddings: tiedEmbeddings, innerParameters: innerParameters)
  }
}
