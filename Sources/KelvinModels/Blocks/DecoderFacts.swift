import KelvinTensors

/// A decoder's facts by what they mean, whichever style the checkpoint's keys are in.
struct DecoderFacts {
  /// What a fact is called in each style; GGUF puts the architecture's name and a point in front.
  struct Key {
    var huggingFace, gguf: String

    static let layers = Key(huggingFace: "num_hidden_layers", gguf: "block_count")
    static let hiddenWidth = Key(huggingFace: "hidden_size", gguf: "embedding_length")
    static let heads = Key(huggingFace: "num_attention_heads", gguf: "attention.head_count")
    static let keyValueHeads = Key(huggingFace: "num_key_value_heads", gguf: "attention.head_count_kv")
    static let headWidth = Key(huggingFace: "head_dim", gguf: "attention.key_length")
    static let valueWidth = Key(huggingFace: "v_head_dim", gguf: "attention.value_length")
    static let feedForwardWidth = Key(huggingFace: "intermediate_size", gguf: "feed_forward_length")
    static let vocabulary = Key(huggingFace: "vocab_size", gguf: "vocab_size")
    static let context = Key(huggingFace: "max_position_embeddings", gguf: "context_length")
    static let normEpsilon = Key(huggingFace: "rms_norm_eps", gguf: "attention.layer_norm_rms_epsilon")
    static let experts = Key(huggingFace: "num_experts", gguf: "expert_count")
    static let window = Key(huggingFace: "sliding_window", gguf: "attention.sliding_window")
    static let windowPattern = Key(huggingFace: "sliding_window_pattern", gguf: "attention.sliding_window_pattern")
    static let queryScale = Key(huggingFace: "query_pre_attn_scalar", gguf: "attention.query_pre_attn_scalar")
    static let attentionSoftcap = Key(huggingFace: "attn_logit_softcapping", gguf: "attn_logit_softcapping")
    static let logitSoftcap = Key(huggingFace: "final_logit_softcapping", gguf: "final_logit_softcapping")

    /// The key in a file of `style`.
    /// - Parameters:
    ///   - architecture: what GGUF puts in front.
    ///   - renamed: keys that the family calls otherwise.
    func name(in style: Checkpoint.Style, of architecture: String, renamed: [String: String]) -> String {
      switch style {
      case .gguf: architecture + "." + (renamed[gguf] ?? gguf)
      case .huggingFace: renamed[huggingFace] ?? huggingFace
      }
    }
  }

  let checkpoint: Checkpoint
  let plain: CheckpointFacts
  /// The registry's name of the family.
  let family: String
  /// GGUF's `general.architecture` or Hugging Face's `model_type`.
  let architecture: String
  /// Keys that the family calls otherwise; GGUF's without the name in front.
  let renamed: [String: String]

  var style: Checkpoint.Style { checkpoint.style }

  func name(_ key: Key) -> String { key.name(in: style, of: architecture, renamed: renamed) }

  /// Whether the file has the fact.
  func states(_ key: Key) -> Bool { plain.values[name(key)] != nil }

  /// An integer from 1 to `limit`; without a default the fact must be stated.
  func size(_ key: Key, limit: Int, default fallback: Int? = nil) throws(ModelError) -> Int {
    try plain.size(name(key), limit: limit, default: fallback)
  }

  /// A finite number above 0; without a default the fact must be stated.
  func positive(_ key: Key, default fallback: Double? = nil) throws(ModelError) -> Double {
    try plain.positive(name(key), default: fallback)
  }

  /// A truth value of a Hugging Face configuration; `false` in other files.
  func flag(_ name: String, default fallback: Bool = false) throws(ModelError) -> Bool {
    guard style == .huggingFace else { return false }
    return plain.values[name] == nil ? fallback : try plain.flag(name)
  }

  /// Whether the file has a tensor; a configuration alone has none.
  func has(tensor name: String) -> Bool { checkpoint.tensors[name] != nil }

  func invalid(_ key: Key, found: String, expected: String) -> ModelError {
    .invalid(model: plain.model, key: name(key), found: found, expected: expected)
  }
}

extension DecoderFacts {
  /// Refuses a configuration that asks for another function than `activation`.
  func refuseOtherActivations(than activation: DecoderConfiguration.Activation) throws(ModelError) {
    for key in ["hidden_act", "hidden_activation", "activation_function"] {
      try plain.refuse(
        key, unless: activation.huggingFaceNames.map { .string($0) }, supported: activation.huggingFaceNames[0])
    }
  }

  /// The layers that look back a window only, as many Hugging Face configurations list them since version 5; where a file
  /// has no list, those of which `usual` says so.
  /// - Parameter usualWindow: where a Hugging Face configuration does not have the key; `null` is no window.
  /// - Returns: `nil` where no layer does.
  func sliding(
    layers: Int, usualWindow: Int? = nil, where usual: (Int) -> Bool
  ) throws(ModelError) -> DecoderConfiguration.Sliding? {
    switch style {
    case .huggingFace:
      guard states(.window) || (usualWindow != nil && checkpoint.metadata[name(.window)] == nil) else { return nil }
    case .gguf:
      // Converters write 0 where there is no window.
      guard states(.window), plain.values[name(.window)] != .integer(0) else { return nil }
    }
    let window = try size(.window, limit: DecoderConfiguration.Limit.context, default: usualWindow)
    var isSliding = (0..<layers).map(usual)
    if style == .huggingFace, let types = plain.values["layer_types"] {
      guard case .strings(let names) = types, names.count == layers,
        names.allSatisfy({ $0 == "sliding_attention" || $0 == "full_attention" })
      else {
        throw .invalid(
          model: plain.model, key: "layer_types", found: types.brief,
          expected: "'sliding_attention' or 'full_attention' for each of \(layers) layers")
      }
      isSliding = names.map { $0 == "sliding_attention" }
    }
    guard isSliding.contains(true) else { return nil }
    return DecoderConfiguration.Sliding(window: window, isSliding: isSliding, rotary: nil)
  }

  /// The layers from `max_window_layers` on, where `use_sliding_window` says so, as Qwen states windows.
  func slidingUpperLayers(of layers: Int) throws(ModelError) -> DecoderConfiguration.Sliding? {
    guard try flag("use_sliding_window") else { return nil }
    let first = try plain.count("max_window_layers", limit: DecoderConfiguration.Limit.layers, default: 28)
    return try sliding(layers: layers) { $0 >= first }
  }

  /// A limit for `c · tanh(x / c)`; `nil` where the file states none.
  func softcap(_ key: Key) throws(ModelError) -> Float? {
    states(key) ? Float(try positive(key)) : nil
  }

  /// The number of tokens, about which up to three places of a GGUF file must agree; the embedding's shape is checked
  /// with the other tensors.
  func ggufVocabulary(limit: Int, embedding name: String) throws(ModelError) -> Int {
    let embedding = checkpoint.tensors[name]?.shape.first
    guard let tokens = plain.values["tokenizer.ggml.tokens"] else {
      return try size(.vocabulary, limit: limit, default: embedding)
    }
    guard case .strings(let tokens) = tokens else {
      throw .invalid(
        model: plain.model, key: "tokenizer.ggml.tokens", found: tokens.brief, expected: "an array of strings")
    }
    let lists = ["tokenizer.ggml.scores": "scores", "tokenizer.ggml.token_type": "types"]
    for (key, what) in lists.sorted(by: { $0.key < $1.key }) {
      guard let list = plain.values[key], list.count != tokens.count else { continue }
      throw .invalid(
        model: plain.model, key: key, found: list.brief, expected: "\(tokens.count) \(what), one for each token")
    }
    let declared = try size(.vocabulary, limit: limit, default: tokens.count)
    guard declared == tokens.count, embedding == nil || embedding == tokens.count else {
      throw .invalid(
        model: plain.model, key: "tokenizer.ggml.tokens", found: "\(tokens.count) tokens",
        expected: "as many as the embedding has rows, \(embedding ?? declared)")
    }
    return declared
  }
}

extension DecoderConfiguration.Activation {
  /// What Hugging Face calls it, the usual name first.
  var huggingFaceNames: [String] {
    switch self {
    case .silu: ["silu", "swish"]
    case .gelu: ["gelu_pytorch_tanh", "gelu_new"]
    }
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
