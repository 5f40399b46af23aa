import Foundation
import KelvinAttention
import KelvinTensors

/// How a DeepSeek turns the rotary part of its heads, and what the scaling of positions does to scores.
struct DeepSeekRope {
  /// The numbers of YaRN (arXiv 2309.00071).
  struct Yarn {
    var factor: Double
    /// Turns within the original context above which a pair is kept, and below which it is slowed by the factor.
    var fast, slow: Double
    /// The context length before the scaling.
    var originalContext: Double
    /// What turned channels are multiplied by.
    var magnitude: Double
    /// What all scores are multiplied by.
    var scoreFactor: Double
  }

  var pairs: Rotary.Pairs
  /// Channels that are turned; even.
  var width: Int
  var base: Double
  var yarn: Yarn?

  /// What all scores are multiplied by.
  var scoreFactor: Float { Float(yarn?.scoreFactor ?? 1) }

  /// The turning of the last `width` channels of a head.
  var rotary: Rotary {
    let frequencies = (0..<width / 2).map { pair in
      let frequency = pow(base, -2 * Double(pair) / Double(width))
      return yarn.map { scaled(frequency, $0, pair: pair) } ?? frequency
    }
    return Rotary(pairs: pairs, frequencies: frequencies, isTrailing: true, magnitude: yarn?.magnitude ?? 1)
  }

  /// Keeps the pairs below the one that turns `fast` times within the original context, slows those above the one that
  /// turns `slow` times, blends in between in steps of pairs (§3.2).
  private func scaled(_ frequency: Double, _ yarn: Yarn, pair: Int) -> Double {
    func position(turning turns: Double) -> Double {
      Double(width) * log(yarn.originalContext / (turns * 2 * .pi)) / (2 * log(base))
    }
    let kept = max(0, position(turning: yarn.fast).rounded(.down))
    var slowed = min(Double(width) - 1, position(turning: yarn.slow).rounded(.up))
    // As published, so that the ramp has a slope where the two meet.
    if kept == slowed { slowed += 0.001 }
    let share = min(1, max(0, (Double(pair) - kept) / (slowed - kept)))
    return frequency / yarn.factor * share + frequency * (1 - share)
  }
}

extension DeepSeekRope {
  /// Reads `rope_theta` beside `rope_scaling` (the older way) or both in `rope_parameters` (since transformers 5).
  init(huggingFace facts: CheckpointFacts, width: Int, contextLength: Int) throws(ModelError) {
    let key = facts.states("rope_parameters") ? "rope_parameters" : "rope_scaling"
    var members: [String: MetadataValue] = [:]
    if let value = facts.values[key] {
      guard case .object(let object) = value else {
        throw .invalid(model: facts.model, key: key, found: value.brief, expected: "an object")
      }
      members = object
    }
    let parameters = CheckpointFacts(model: facts.model, values: members, prefix: key + ".")
    self.width = width
    base = try parameters.positive("rope_theta", default: try facts.positive("rope_theta", default: 10_000))
    let isInterleaved = facts.states("rope_interleave") ? try facts.flag("rope_interleave") : true
    pairs = isInterleaved ? .adjacent : .halves
    let typeKey = parameters.states("rope_type") ? "rope_type" : "type"
    switch try parameters.text(typeKey) ?? "default" {
    case "default": yarn = nil
    case "yarn": yarn = try Yarn(parameters, contextLength: contextLength)
    case let other: throw parameters.unsupported(typeKey, other, ["default", "yarn"])
    }
  }

  /// The turning of each of `layers` layers; converted models state the frequencies themselves, layer by layer.
  func rotary(ofEach layers: Int, _ facts: CheckpointFacts) throws(ModelError) -> [Rotary] {
    let key = "kelvin.rotary_frequencies"
    guard let value = facts.values[key] else { return Array(repeating: rotary, count: layers) }
    let pairs = width / 2
    guard case .numbers(let numbers) = value, numbers.count == layers * pairs, numbers.allSatisfy(\.isFinite) else {
      throw .invalid(
        model: facts.model, key: key, found: value.brief,
        expected: "\(pairs) finite numbers for each of \(layers) layers")
    }
    return (0..<layers).map {
      Rotary(pairs: .adjacent, frequencies: Array(numbers[$0 * pairs..<($0 + 1) * pairs]), isTrailing: true)
    }
  }

  /// Reads `deepseek2.rope.*`.
  ///
  /// These files know one `mscale`, so turned channels keep their magnitude.
  init(gguf facts: CheckpointFacts, width: Int) throws(ModelError) {
    let scaling = "deepseek2.rope.scaling."
    self.width = width
    pairs = .adjacent
    base = try facts.positive("deepseek2.rope.freq_base", default: 10_000)
    switch try facts.text(scaling + "type") ?? "none" {
    case "none": yarn = nil
    case "yarn":
      let factor = try facts.positive(scaling + "factor")
      let scale = try 1 + facts.positive(scaling + "yarn_log_multiplier", default: 0) * log(max(1, factor))
      yarn = Yarn(
        factor: factor, fast: try facts.positive(scaling + "yarn_beta_fast", default: 32),
        slow: try facts.positive(scaling + "yarn_beta_slow", default: 1),
        originalContext: try facts.positive(scaling + "original_context_length"), magnitude: 1,
        scoreFactor: scale * scale)
    case let other: throw facts.unsupported(scaling + "type", other, ["none", "yarn"])
    }
  }
}

extension DeepSeekRope.Yarn {
  /// `mscale` and `mscale_all_dim` become two factors: `m(mscale) / m(mscale_all_dim)` of turned channels, and
  /// `m(mscale_all_dim)²` of all scores, with `m(x) = 0.1 · x · ln(factor) + 1`.
  ///
  /// So it is in the authors' code of both versions; transformers leaves the second factor out in the second.
  fileprivate init(_ parameters: CheckpointFacts, contextLength: Int) throws(ModelError) {
    let factor = try parameters.positive("factor")
    func scale(_ multiplier: Double) -> Double { 0.1 * multiplier * log(max(1, factor)) + 1 }
    // 0 says the same as no factor at all.
    let all =
      try parameters.values["mscale_all_dim"]?.number == 0 ? 0 : parameters.positive("mscale_all_dim", default: 0)
    let usual = try scale(parameters.positive("mscale", default: 1)) / scale(all)
    self.factor = factor
    fast = try parameters.positive("beta_fast", default: 32)
    slow = try parameters.positive("beta_slow", default: 1)
    originalContext = try parameters.positive("original_max_position_embeddings", default: Double(contextLength))
    magnitude = try parameters.positive("attention_factor", default: usual)
    scoreFactor = scale(all) * scale(all)
  }
}
