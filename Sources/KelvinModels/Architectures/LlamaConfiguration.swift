public import KelvinAttention
public import KelvinTensors

/// The sizes and constants of a Llama: what its file says, checked, whichever style the file is in.
///
/// Accepted are models of exactly this computation: GGUF's `general.architecture` = `llama`, and Hugging Face's
/// `model_type` = `llama`, among them SmolLM2 and TinyLlama. Anything that would change the numbers and is not
/// computed here (experts, another activation, YaRN) is refused by its name, not ignored.
public struct LlamaConfiguration: Sendable, Hashable {
  /// The names that tensors have in the file.
  public var style: Checkpoint.Style
  /// Transformer layers `L`.
  public var layers: Int
  /// Width of the residual stream.
  public var hiddenWidth: Int
  /// Query heads `Hq`.
  public var heads: Int
  /// Key/value heads `H`; divides `heads`.
  public var keyValueHeads: Int
  /// Width of a query, key and value head; even.
  public var headWidth: Int
  /// Width between the two steps of the feed-forward part.
  public var feedForwardWidth: Int
  /// Number of tokens: rows of the embedding.
  public var vocabulary: Int
  /// Tokens that the model was trained to look back on.
  public var contextLength: Int
  /// What is added to the mean square under the root of a norm.
  public var normEpsilon: Float
  /// How queries and keys are turned, scalings included.
  public var rotary: Rotary
  /// Whether the output head is the embedding.
  public var tiedEmbeddings: Bool
  /// Whether query, key, value and output projections have biases.
  public var attentionBias: Bool
  /// Whether gate, up and down projections have biases.
  public var feedForwardBias: Bool

  /// Reads the sizes from `checkpoint`; whether its tensors have them is the question that `validate` answers.
  /// - Throws: `ModelError` where a size is missing or senseless, or the model is not one computed here.
  public init(_ checkpoint: Checkpoint) throws(ModelError) {
    switch checkpoint.style {
    case .gguf: try self.init(gguf: checkpoint)
    case .huggingFace: try self.init(huggingFace: checkpoint)
    }
    guard heads.isMultiple(of: keyValueHeads) else {
      throw .invalid(
        model: checkpoint.name, key: style == .gguf ? "llama.attention.head_count_kv" : "num_key_value_heads",
        found: "\(keyValueHeads)", expected: "a divisor of the \(heads) heads")
    }
  }

  /// The largest sizes that are believed.
  ///
  /// Ten times what the largest published models have, and small enough for the
  /// kernels' 32-bit sizes and for products of two of them; positions are 32-bit, which bounds the context.
  enum Limit {
    static let layers = 1024
    static let heads = 4096
    static let headWidth = 1 << 14
    static let width = 1 << 20
    static let vocabulary = 1 << 24
    static let context = Int(Int32.max)
  }

  // MARK: Hugging Face

  /// The keys and defaults of Hugging Face's `LlamaConfig`; the sizes have no defaults here.
  private init(huggingFace checkpoint: Checkpoint) throws(ModelError) {
    let facts = CheckpointFacts(checkpoint)
    try Self.checkArchitecture(facts, key: "model_type")
    style = .huggingFace
    layers = try facts.size("num_hidden_layers", limit: Limit.layers)
    hiddenWidth = try facts.size("hidden_size", limit: Limit.width)
    heads = try facts.size("num_attention_heads", limit: Limit.heads)
    keyValueHeads = try facts.size("num_key_value_heads", limit: Limit.heads, default: heads)
    headWidth = try Self.headWidth(facts, key: "head_dim", hiddenWidth: hiddenWidth, heads: heads)
    feedForwardWidth = try facts.size("intermediate_size", limit: Limit.width)
    vocabulary = try facts.size("vocab_size", limit: Limit.vocabulary)
    contextLength = try facts.size("max_position_embeddings", limit: Limit.context, default: 2048)
    normEpsilon = Float(try facts.positive("rms_norm_eps", default: 1e-6))
    tiedEmbeddings = try facts.flag("tie_word_embeddings")
    attentionBias = try facts.flag("attention_bias")
    feedForwardBias = try facts.flag("mlp_bias")
    rotary = try LlamaRope(huggingFace: facts).rotary(headWidth: headWidth)
    try facts.refuse("hidden_act", unless: [.string("silu"), .string("swish")], supported: "silu")
    try facts.refuse("softmax_off_by_one", unless: [.bool(false)], supported: "false")
    try facts.refuse("quantization_config", unless: [], supported: "weights in F32, F16 or BF16, or a GGUF file")
  }

  // MARK: GGUF

  private init(gguf checkpoint: Checkpoint) throws(ModelError) {
    let facts = CheckpointFacts(checkpoint)
    try Self.checkArchitecture(facts, key: "general.architecture")
    style = .gguf
    layers = try facts.size("llama.block_count", limit: Limit.layers)
    hiddenWidth = try facts.size("llama.embedding_length", limit: Limit.width)
    heads = try facts.size("llama.attention.head_count", limit: Limit.heads)
    keyValueHeads = try facts.size("llama.attention.head_count_kv", limit: Limit.heads, default: heads)
    headWidth = try Self.headWidth(facts, key: "llama.attention.key_length", hiddenWidth: hiddenWidth, heads: heads)
    feedForwardWidth = try facts.size("llama.feed_forward_length", limit: Limit.width)
    vocabulary = try Self.vocabulary(of: checkpoint, facts)
    contextLength = try facts.size("llama.context_length", limit: Limit.context)
    normEpsilon = Float(try facts.positive("llama.attention.layer_norm_rms_epsilon"))
    // GGUF has no flags for these: the tensors are there or not.
    tiedEmbeddings = checkpoint.tensors["output.weight"] == nil
    attentionBias = checkpoint.tensors["blk.0.attn_q.bias"] != nil
    feedForwardBias = checkpoint.tensors["blk.0.ffn_gate.bias"] != nil
    rotary = try LlamaRope(gguf: facts, checkpoint, headWidth: headWidth).rotary(headWidth: headWidth)
    for key in ["llama.attention.value_length", "llama.rope.dimension_count"] {
      try facts.refuse(key, unless: [.integer(headWidth)], supported: "\(headWidth), the width of a head")
    }
    try facts.refuse("llama.expert_count", unless: [.integer(0)], supported: "0 (no mixture of experts)")
  }

  /// The number of tokens, about which up to three places of a GGUF file must agree; the embedding's shape is checked
  /// with the other tensors.
  private static func vocabulary(of checkpoint: Checkpoint, _ facts: CheckpointFacts) throws(ModelError) -> Int {
    let embedding = checkpoint.tensors[LlamaTensorNames(.gguf).embedding]?.shape.first
    guard let tokens = facts.values["tokenizer.ggml.tokens"] else {
      return try facts.size("llama.vocab_size", limit: Limit.vocabulary, default: embedding)
    }
    guard case .strings(let tokens) = tokens else {
      throw .invalid(
        model: facts.model, key: "tokenizer.ggml.tokens", found: tokens.brief, expected: "an array of strings")
    }
    let lists = ["tokenizer.ggml.scores": "scores", "tokenizer.ggml.token_type": "types"]
    for (key, what) in lists.sorted(by: { $0.key < $1.key }) {
      guard let list = facts.values[key], list.count != tokens.count else { continue }
      throw .invalid(
        model: facts.model, key: key, found: list.brief, expected: "\(tokens.count) \(what), one for each token")
    }
    let declared = try facts.size("llama.vocab_size", limit: Limit.vocabulary, default: tokens.count)
    guard declared == tokens.count, embedding == nil || embedding == tokens.count else {
      throw .invalid(
        model: facts.model, key: "tokenizer.ggml.tokens", found: "\(tokens.count) tokens",
        expected: "as many as the embedding has rows, \(embedding ?? declared)")
    }
    return declared
  }

  // MARK: Both

  private static func checkArchitecture(_ facts: CheckpointFacts, key: String) throws(ModelError) {
    guard let found = try facts.text(key) else { throw .missing(model: facts.model, key: key) }
    guard found == "llama" else {
      throw .unsupportedArchitecture(model: facts.model, found: found.quoted, supported: ["llama"])
    }
  }

  /// The width of a head: stated, or the hidden width shared out among the heads.
  private static func headWidth(
    _ facts: CheckpointFacts, key: String, hiddenWidth: Int, heads: Int
  ) throws(ModelError) -> Int {
    guard facts.values[key] != nil || hiddenWidth.isMultiple(of: heads) else {
      throw .invalid(
        model: facts.model, key: key, found: "not stated",
        expected: "a statement, as the \(heads) heads do not divide the hidden width \(hiddenWidth)")
    }
    let width = try facts.size(key, limit: Limit.headWidth, default: hiddenWidth / heads)
    guard width <= Limit.headWidth, width.isMultiple(of: 2) else {
      throw .invalid(
        model: facts.model, key: key, found: "\(width)", expected: "an even width up to \(Limit.headWidth)")
    }
    return width
  }
}

extension MetadataValue {
  /// Number of elements of an array, otherwise `nil`.
  fileprivate var count: Int? {
    switch self {
    case .bools(let values): values.count
    case .integers(let values): values.count
    case .numbers(let values): values.count
    case .strings(let values): values.count
    case .array(let values): values.count
    default: nil
    }
  }
}
