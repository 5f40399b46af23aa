import KelvinAttention
import KelvinTensors

extension DecoderFacts {
  /// How the file says that whole heads are turned.
  /// - Parameters:
  ///   - width: of a head.
  ///   - ggufPairs: which two channels a GGUF file of this family turns together.
  func rope(width: Int, ggufPairs: Rotary.Pairs = .halves) throws(ModelError) -> Rope {
    for holder in [plain, try ropeParameters()] {
      try holder.refuse("partial_rotary_factor", unless: [.integer(1), .number(1)], supported: "1")
    }
    try plain.refuse(architecture + ".rope.dimension_count", unless: [.integer(width)], supported: "\(width)")
    return try rope(turning: width, ggufPairs: ggufPairs)
  }

  /// How the file says that the first `width` channels of a head are turned.
  func rope(turning width: Int, ggufPairs: Rotary.Pairs = .halves) throws(ModelError) -> Rope {
    switch style {
    case .huggingFace: try huggingFaceRope(width: width)
    case .gguf: try ggufRope(width: width, pairs: ggufPairs)
    }
  }

  /// Reads `rope_theta` beside `rope_scaling` (the older way) or both in `rope_parameters` (since transformers 5).
  private func huggingFaceRope(width: Int) throws(ModelError) -> Rope {
    let parameters = try ropeParameters()
    let outerBase = try plain.positive("rope_theta", default: 10_000)
    return Rope(
      // llama2.c's matrices keep the original order of rows; everybody else's files here are permuted for halves.
      pairs: try plain.text("kelvin.rotary_pairs") == "adjacent" ? .adjacent : .halves, width: width,
      base: try parameters.positive("rope_theta", default: outerBase), scaling: try scaling(parameters, width: width))
  }

  /// The object that describes the turning; without members where there is none.
  /// - Parameter layers: the type of layer that is meant, where types have objects of their own.
  func ropeParameters(of layers: String = "full_attention") throws(ModelError) -> CheckpointFacts {
    var key = plain.values["rope_parameters"] == nil ? "rope_scaling" : "rope_parameters"
    var value = plain.values[key] ?? .object([:])
    if case .object(let types) = value, let own = types[layers] { (key, value) = ("\(key).\(layers)", own) }
    guard case .object(let members) = value else {
      throw .invalid(model: plain.model, key: key, found: value.brief, expected: "an object")
    }
    return CheckpointFacts(model: plain.model, values: members, prefix: key + ".")
  }

  /// The scaling that a Hugging Face configuration describes in `parameters`.
  func scaling(_ parameters: CheckpointFacts, width: Int) throws(ModelError) -> Rope.Scaling {
    let typeKey = parameters.values["rope_type"] == nil ? "type" : "rope_type"
    let type = try parameters.text(typeKey) ?? "default"
    switch type {
    case "default": return .none
    case "linear": return .linear(factor: try parameters.positive("factor"))
    case "llama3": return .llama3(try Rope.Llama3(parameters))
    case "yarn": return .yarn(try yarn(parameters))
    case "longrope", "su": return .longRope(try longRope(parameters, width: width))
    default:
      throw .unsupported(
        model: plain.model, key: parameters.prefix + typeKey, found: type.quoted,
        supported: ["default", "linear", "llama3", "yarn", "longrope"])
    }
  }

  private func yarn(_ parameters: CheckpointFacts) throws(ModelError) -> Rope.Yarn {
    for key in ["mscale", "mscale_all_dim"] { try parameters.refuse(key, unless: [], supported: "nothing") }
    try parameters.refuse("truncate", unless: [.bool(true)], supported: "true")
    let factor = try parameters.positive("factor")
    let context = try size(.context, limit: DecoderConfiguration.Limit.context)
    return try Rope.Yarn(
      factor: factor, fast: parameters.positive("beta_fast", default: 32),
      slow: parameters.positive("beta_slow", default: 1),
      originalContext: parameters.positive("original_max_position_embeddings", default: Double(context)),
      magnitude: parameters.positive("attention_factor", default: Rope.Yarn.usualMagnitude(factor: factor)))
  }

  /// Reads `rope.*` and, where there is one, the tensor of divisors.
  private func ggufRope(width: Int, pairs: Rotary.Pairs) throws(ModelError) -> Rope {
    let prefix = architecture + ".rope."
    let base = try plain.positive(prefix + "freq_base", default: 10_000)
    let (typeKey, factorKey) = (prefix + "scaling.type", prefix + "scaling.factor")
    let type = try plain.text(typeKey) ?? (plain.values[factorKey] == nil ? "none" : "linear")
    var rope = Rope(pairs: pairs, width: width, base: base, scaling: .none)
    switch type {
    case "none", "longrope": break
    case "linear": rope.scaling = .linear(factor: try plain.positive(factorKey))
    case "yarn": rope.scaling = .yarn(try ggufYarn(factor: try plain.positive(factorKey)))
    default:
      throw .unsupported(
        model: plain.model, key: typeKey, found: type.quoted, supported: ["none", "linear", "yarn", "longrope"])
    }
    guard let scaling = try ggufDivisors(width: width) else { return rope }
    guard case .none = rope.scaling else {
      throw .unsupported(
        model: plain.model, key: typeKey, found: "\(type.quoted) beside a tensor of divisors",
        supported: ["one of the two"])
    }
    rope.scaling = scaling
    return rope
  }

  /// The scaling that tensors of divisors state: Llama 3.1's, or LongRoPE.
  private func ggufDivisors(width: Int) throws(ModelError) -> Rope.Scaling? {
    if let divisors = try divisors("rope_freqs.weight", width: width) { return .divisors(divisors) }
    return try ggufLongRope(width: width).map { .longRope($0) }
  }

  private func ggufYarn(factor: Double) throws(ModelError) -> Rope.Yarn {
    let prefix = architecture + ".rope.scaling."
    let attention = try plain.positive(prefix + "attn_factor", default: 1)
    return try Rope.Yarn(
      factor: factor, fast: plain.positive(prefix + "yarn_beta_fast", default: 32),
      slow: plain.positive(prefix + "yarn_beta_slow", default: 1),
      originalContext: plain.positive(prefix + "original_context_length"),
      magnitude: attention * Rope.Yarn.usualMagnitude(factor: factor))
  }

  /// The divisors in a tensor of a GGUF file, one for each pair; `nil` where the file has no such tensor.
  func divisors(_ name: String, width: Int) throws(ModelError) -> [Double]? {
    guard let tensor = checkpoint.tensors[name] else { return nil }
    guard tensor.shape == [width / 2] else {
      throw .wrongShape(
        model: plain.model, tensor: tensor.name, found: tensor.shape, expected: [width / 2],
        meaning: "half the \(width) turned channels of a head")
    }
    guard let divisors = try? tensor.floats(), divisors.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw .invalid(
        model: plain.model, key: tensor.name, found: "a tensor of other numbers", expected: "finite numbers above 0")
    }
    return divisors.map(Double.init)
  }
}

extension Rope.Llama3 {
  fileprivate init(_ parameters: CheckpointFacts) throws(ModelError) {
    factor = try parameters.positive("factor")
    lowFactor = try parameters.positive("low_freq_factor")
    highFactor = try parameters.positive("high_freq_factor")
    originalContext = try parameters.positive("original_max_position_embeddings")
    guard lowFactor < highFactor else {
      throw .invalid(
        model: parameters.model, key: parameters.prefix + "high_freq_factor", found: "\(highFactor)",
        expected: "more than low_freq_factor, \(lowFactor)")
    }
  }
}
