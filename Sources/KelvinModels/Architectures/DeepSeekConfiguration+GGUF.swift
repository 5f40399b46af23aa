import KelvinTensors

extension DeepSeekConfiguration {
  /// The keys of GGUF's architecture `deepseek2`, which serves the second and the third version.
  ///
  /// Newer files describe the widths of heads beside those of absorbed attention (`key_length_mla`), and have the
  /// up-projections of keys and values apart.
  init(gguf checkpoint: Checkpoint) throws(ModelError) {
    let facts = CheckpointFacts(checkpoint)
    func name(_ key: String) -> String { "deepseek2." + key }
    style = .gguf
    layers = try facts.size(name("block_count"), limit: Limit.layers)
    hiddenWidth = try facts.size(name("embedding_length"), limit: Limit.width)
    heads = try facts.size(name("attention.head_count"), limit: Limit.heads)
    latentWidth = try facts.size(name("attention.kv_lora_rank"), limit: Limit.width)
    let queryLatent = try facts.count(name("attention.q_lora_rank"), limit: Limit.width)
    queryLatentWidth = queryLatent == 0 ? nil : queryLatent
    rotaryWidth = try facts.size(name("rope.dimension_count"), limit: Limit.headWidth)
    let hasBoth = facts.states(name("attention.key_length_mla"))
    let keyLength = name(hasBoth ? "attention.key_length_mla" : "attention.key_length")
    let headWidth = try facts.size(keyLength, limit: Limit.headWidth)
    guard headWidth > rotaryWidth else {
      throw .invalid(
        model: facts.model, key: keyLength, found: "\(headWidth)",
        expected: "more than the \(rotaryWidth) turned channels")
    }
    plainWidth = headWidth - rotaryWidth
    valueWidth = try facts.size(
      name(hasBoth ? "attention.value_length_mla" : "attention.value_length"), limit: Limit.headWidth)
    feedForwardWidth = try facts.size(name("feed_forward_length"), limit: Limit.width)
    let names = DeepSeekTensorNames(.gguf)
    let embedding = checkpoint.tensors[names.embedding]?.shape.first
    var tokens: Int?
    if case .strings(let list)? = facts.values["tokenizer.ggml.tokens"] { tokens = list.count }
    vocabulary = try facts.size(name("vocab_size"), limit: Limit.vocabulary, default: tokens ?? embedding)
    contextLength = try facts.size(name("context_length"), limit: Limit.context)
    normEpsilon = Float(try facts.positive(name("attention.layer_norm_rms_epsilon")))
    normalisesLatents = !(try facts.flag("kelvin.plain_latents"))
    // GGUF has no flags for these: the tensors are there or not.
    tiedEmbeddings = checkpoint.tensors[names.head] == nil
    splitsUpProjections = checkpoint.tensors[names.name(.keyUp, layer: 0)] != nil
    extraLayers = 0
    denseLayers = min(layers, try facts.count(name("leading_dense_block_count"), limit: Limit.layers))
    let bias = names.name(.correction, layer: denseLayers)
    experts =
      denseLayers < layers ? try Experts(gguf: facts, hasCorrection: checkpoint.tensors[bias] != nil) : nil
    let rope = try DeepSeekRope(gguf: facts, width: rotaryWidth)
    rotary = try rope.rotary(ofEach: layers, facts)
    attentionScale = rope.scoreFactor / Float(headWidth).squareRoot()
  }
}

extension DeepSeekConfiguration.Experts {
  fileprivate init(gguf facts: CheckpointFacts, hasCorrection: Bool) throws(ModelError) {
    typealias Limit = DeepSeekConfiguration.Limit
    func name(_ key: String) -> String { "deepseek2." + key }
    // 1 is softmax, 2 sigmoid; the oldest files, all of the second version, do not say.
    let function = try facts.size(name("expert_gating_func"), limit: 2, default: 1)
    routing = ExpertRouting(
      experts: try facts.size(name("expert_count"), limit: Limit.experts),
      chosen: try facts.size(name("expert_used_count"), limit: Limit.experts),
      scores: function == 1 ? .softmax : .sigmoid, hasCorrection: hasCorrection,
      groups: try facts.size(name("expert_group_count"), limit: Limit.experts, default: 1),
      keptGroups: try facts.size(name("expert_group_used_count"), limit: Limit.experts, default: 1),
      groupScore: function == 1 ? .best : .sumOfTwoBest, normalises: try facts.flag(name("expert_weights_norm")),
      scale: Float(try facts.positive(name("expert_weights_scale"), default: 1)))
    width = try facts.size(name("expert_feed_forward_length"), limit: Limit.width)
    let shared = try facts.count(name("expert_shared_count"), limit: Limit.experts)
    sharedWidth = shared == 0 ? nil : shared * width
    try check(
      facts,
      keys: (
        chosen: name("expert_used_count"), groups: name("expert_group_count"),
        keptGroups: name("expert_group_used_count")
      ))
  }
}
