import Foundation
import KelvinAttention
public import KelvinTensors

extension DeepSeekConfiguration {
  /// The largest sizes that are believed, about ten times what the largest published models have; products of two of
  /// them fit the kernels' 32 bits.
  enum Limit {
    static let layers = 1024
    static let heads = 4096
    static let headWidth = 1 << 12
    static let experts = 1 << 14
    static let width = 1 << 18
    static let vocabulary = 1 << 24
    static let context = Int(Int32.max)
  }

  /// Reads the sizes from `checkpoint`; whether its tensors have them is the question that `validate` answers.
  /// - Throws: `ModelError` where a size is missing or senseless, or the model is not one computed here.
  public init(_ checkpoint: Checkpoint) throws(ModelError) {
    switch checkpoint.style {
    case .gguf: try self.init(gguf: checkpoint)
    case .huggingFace: try self.init(huggingFace: CheckpointFacts(checkpoint))
    }
    guard rotaryWidth.isMultiple(of: 2) else {
      throw .invalid(
        model: checkpoint.name, key: style == .gguf ? "deepseek2.rope.dimension_count" : "qk_rope_head_dim",
        found: "\(rotaryWidth)", expected: "an even width")
    }
  }

  /// The keys and defaults of Hugging Face's `DeepseekV2Config` and `DeepseekV3Config`; the sizes have no defaults here.
  private init(huggingFace facts: CheckpointFacts) throws(ModelError) {
    style = .huggingFace
    layers = try facts.size("num_hidden_layers", limit: Limit.layers)
    hiddenWidth = try facts.size("hidden_size", limit: Limit.width)
    heads = try facts.size("num_attention_heads", limit: Limit.heads)
    latentWidth = try facts.size("kv_lora_rank", limit: Limit.width)
    queryLatentWidth = facts.states("q_lora_rank") ? try facts.size("q_lora_rank", limit: Limit.width) : nil
    plainWidth = try facts.size("qk_nope_head_dim", limit: Limit.headWidth)
    rotaryWidth = try facts.size("qk_rope_head_dim", limit: Limit.headWidth)
    valueWidth = try facts.size("v_head_dim", limit: Limit.headWidth)
    feedForwardWidth = try facts.size("intermediate_size", limit: Limit.width)
    vocabulary = try facts.size("vocab_size", limit: Limit.vocabulary)
    contextLength = try facts.size("max_position_embeddings", limit: Limit.context, default: 2048)
    normEpsilon = Float(try facts.positive("rms_norm_eps", default: 1e-6))
    normalisesLatents = !(try facts.flag("kelvin.plain_latents"))
    tiedEmbeddings = try facts.flag("tie_word_embeddings")
    splitsUpProjections = false
    extraLayers = try facts.count("num_nextn_predict_layers", limit: Limit.layers)
    denseLayers = min(layers, try facts.count("first_k_dense_replace", limit: Limit.layers))
    experts = denseLayers < layers ? try Experts(huggingFace: facts) : nil
    let rope = try DeepSeekRope(huggingFace: facts, width: rotaryWidth, contextLength: contextLength)
    rotary = try rope.rotary(ofEach: layers, facts)
    attentionScale = rope.scoreFactor / Float(plainWidth + rotaryWidth).squareRoot()
    try facts.refuse("hidden_act", unless: [.string("silu"), .string("swish")], supported: "silu")
    try facts.refuse("attention_bias", unless: [.bool(false)], supported: "false")
    try facts.refuse("mlp_bias", unless: [.bool(false)], supported: "false")
    try facts.refuse("quantization_config", unless: [], supported: "weights in F32, F16 or BF16, or a GGUF file")
  }
}

extension DeepSeekConfiguration.Experts {
  /// The experts of layers that have some.
  ///
  /// The two versions differ in their defaults, and in what their groups are worth.
  fileprivate init(huggingFace facts: CheckpointFacts) throws(ModelError) {
    typealias Limit = DeepSeekConfiguration.Limit
    let isThird = try facts.text("model_type") == "deepseek_v3"
    try facts.refuse("moe_layer_freq", unless: [.integer(1)], supported: "1")
    let method = try facts.text("topk_method") ?? (isThird ? "noaux_tc" : "greedy")
    let function = try facts.text("scoring_func") ?? (isThird ? "sigmoid" : "softmax")
    guard ["greedy", "group_limited_greedy", "noaux_tc"].contains(method) else {
      throw facts.unsupported("topk_method", method, ["greedy", "group_limited_greedy", "noaux_tc"])
    }
    guard ["softmax", "sigmoid"].contains(function) else {
      throw facts.unsupported("scoring_func", function, ["softmax", "sigmoid"])
    }
    // The authors' code and transformers disagree about it in the second version; no published model has it.
    if !isThird { try facts.refuse("norm_topk_prob", unless: [.bool(false)], supported: "false") }
    let hasGroups = method != "greedy"
    routing = ExpertRouting(
      experts: try facts.size("n_routed_experts", limit: Limit.experts),
      chosen: try facts.size("num_experts_per_tok", limit: Limit.experts),
      scores: function == "softmax" ? .softmax : .sigmoid, hasCorrection: method == "noaux_tc",
      groups: hasGroups ? try facts.size("n_group", limit: Limit.experts, default: 1) : 1,
      keptGroups: hasGroups ? try facts.size("topk_group", limit: Limit.experts, default: 1) : 1,
      groupScore: method == "noaux_tc" ? .sumOfTwoBest : .best, normalises: try facts.flag("norm_topk_prob"),
      scale: Float(try facts.positive("routed_scaling_factor", default: 1)))
    width = try facts.size("moe_intermediate_size", limit: Limit.width)
    let shared = try facts.count("n_shared_experts", limit: Limit.experts)
    sharedWidth = shared == 0 ? nil : shared * width
    try check(facts, keys: (chosen: "num_experts_per_tok", groups: "n_group", keptGroups: "topk_group"))
  }

  /// Checks that experts fall into groups, and that a token finds as many as it chooses.
  func check(
    _ facts: CheckpointFacts, keys: (chosen: String, groups: String, keptGroups: String)
  ) throws(ModelError) {
    func require(_ isSound: Bool, _ key: String, _ found: Int, _ expected: String) throws(ModelError) {
      guard isSound else { throw .invalid(model: facts.model, key: key, found: "\(found)", expected: expected) }
    }
    let (experts, groups, kept) = (routing.experts, routing.groups, routing.keptGroups)
    try require(experts.isMultiple(of: groups), keys.groups, groups, "a divisor of the \(experts) experts")
    try require(kept <= groups, keys.keptGroups, kept, "at most the \(groups) groups")
    let available = experts / groups * kept
    try require(routing.chosen <= available, keys.chosen, routing.chosen, "at most the \(available) available experts")
  }
}

extension CheckpointFacts {
  /// Whether the file states the fact; null states nothing.
  func states(_ key: String) -> Bool { values[key] != nil }

  /// An integer from 0 to `limit`, 0 where the key is absent.
  func count(_ key: String, limit: Int) throws(ModelError) -> Int {
    if values[key]?.integer == 0 || values[key] == nil { return 0 }
    return try size(key, limit: limit)
  }

  func unsupported(_ key: String, _ found: String, _ supported: [String]) -> ModelError {
    .unsupported(model: model, key: prefix + key, found: found.quoted, supported: supported)
  }
}
