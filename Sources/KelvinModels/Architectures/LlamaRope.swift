import Foundation
import KelvinAttention
import KelvinTensors

/// How a Llama's rotary frequencies come about: a base, and a scaling that stretches them for a longer context.
///
/// Unscaled, pair `i` of a head of width `d` turns by `base^(-2i/d)` radians per position (RoFormer, arXiv 2104.09864).
struct LlamaRope {
  enum Scaling {
    case none
    /// Every frequency divided by `factor` (position interpolation, arXiv 2306.15595).
    case linear(factor: Double)
    /// Llama 3.1: see `llama3(_:_:)`.
    case llama3(Llama3)
    /// A divisor for each pair, as GGUF files state llama3 scaling.
    case divisors([Double])
  }

  /// The numbers of Llama 3.1's scaling.
  struct Llama3 {
    var factor: Double
    var lowFactor: Double
    var highFactor: Double
    /// The context length before the scaling.
    var originalContext: Double
  }

  var pairs: Rotary.Pairs
  var base: Double
  var scaling: Scaling

  /// The frequencies of a head of `headWidth` channels.
  func rotary(headWidth: Int) -> Rotary {
    let frequencies = (0..<headWidth / 2).map { pair in
      let frequency = pow(base, -2 * Double(pair) / Double(headWidth))
      switch scaling {
      case .none: return frequency
      case .linear(let factor): return frequency / factor
      case .llama3(let numbers): return Self.llama3(frequency, numbers)
      case .divisors(let divisors): return frequency / divisors[pair]
      }
    }
    return Rotary(pairs: pairs, frequencies: frequencies)
  }

  /// Keeps pairs that turn often within the original context, slows those that do not turn once, blends in between.
  private static func llama3(_ frequency: Double, _ numbers: Llama3) -> Double {
    let turns = numbers.originalContext * frequency / (2 * .pi)
    if turns > numbers.highFactor { return frequency }
    if turns < numbers.lowFactor { return frequency / numbers.factor }
    let blend = (turns - numbers.lowFactor) / (numbers.highFactor - numbers.lowFactor)
    return (1 - blend) * frequency / numbers.factor + blend * frequency
  }
}

extension LlamaRope {
  /// Reads `rope_theta` beside `rope_scaling` (the older way) or both in `rope_parameters` (since transformers 5).
  init(huggingFace facts: CheckpointFacts) throws(ModelError) {
    let key = facts.values["rope_parameters"] == nil ? "rope_scaling" : "rope_parameters"
    var members: [String: MetadataValue] = [:]
    if let value = facts.values[key] {
      guard case .object(let object) = value else {
        throw .invalid(model: facts.model, key: key, found: value.brief, expected: "an object")
      }
      members = object
    }
    let parameters = CheckpointFacts(model: facts.model, values: members, prefix: key + ".")
    let outerBase = try facts.positive("rope_theta", default: 10_000)
    base = try parameters.positive("rope_theta", default: outerBase)
    // llama2.c's matrices keep the original order of rows; everybody else's files here are permuted for halves.
    pairs = try facts.text("kelvin.rotary_pairs") == "adjacent" ? .adjacent : .halves
    for holder in [facts, parameters] {
      try holder.refuse("partial_rotary_factor", unless: [.integer(1), .number(1)], supported: "1")
    }
    let typeKey = parameters.values["rope_type"] == nil ? "type" : "rope_type"
    let type = try parameters.text(typeKey) ?? "default"
    switch type {
    case "default": scaling = .none
    case "linear": scaling = .linear(factor: try parameters.positive("factor"))
    case "llama3": scaling = .llama3(try Llama3(parameters))
    default:
      throw .unsupported(
        model: facts.model, key: parameters.prefix + typeKey, found: type.quoted,
        supported: ["default", "linear", "llama3"])
    }
  }

  /// Reads `llama.rope.*` and, where there is one, the tensor of divisors.
  init(gguf facts: CheckpointFacts, _ checkpoint: Checkpoint, headWidth: Int) throws(ModelError) {
    pairs = .adjacent
    base = try facts.positive("llama.rope.freq_base", default: 10_000)
    let typeKey = "llama.rope.scaling.type"
    let factorKey = "llama.rope.scaling.factor"
    let type = try facts.text(typeKey) ?? (facts.values[factorKey] == nil ? "none" : "linear")
    switch type {
    case "none": scaling = .none
    case "linear": scaling = .linear(factor: try facts.positive(factorKey))
    default:
      throw .unsupported(model: facts.model, key: typeKey, found: type.quoted, supported: ["none", "linear"])
    }
    guard let tensor = checkpoint.tensors["rope_freqs.weight"] else { return }
    guard case .none = scaling else {
      throw .unsupported(
        model: facts.model, key: typeKey, found: "\(type.quoted) beside the tensor 'rope_freqs.weight'",
        supported: ["one of the two"])
    }
    guard tensor.shape == [headWidth / 2] else {
      throw .wrongShape(
        model: facts.model, tensor: tensor.name, found: tensor.shape, expected: [headWidth / 2],
        meaning: "half the head width \(headWidth)")
    }
    guard let divisors = try? tensor.floats(), divisors.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw .invalid(
        model: facts.model, key: tensor.name, found: "a tensor of other numbers", expected: "finite numbers above 0")
    }
    scaling = .divisors(divisors.map(Double.init))
  }
}

extension LlamaRope.Llama3 {
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
