import Foundation
import KelvinAttention
import KelvinTensors

/// Dynamic Memory Compression: a Llama that was trained to say, for each token and KV head, whether its key and value are
/// appended to the cache or merged into the newest entry.
///
///     α_t = 1[k_t[c] > 5]                      merge into the newest entry
///     ω_t = σ(mean over the group of q_t[c] + 5) + ε    the weight in the mean
///
/// Channel `c`, the last of a head, carries both and takes no part in attention. There are no new weights. Merging itself, a
/// weighted mean over the newest 12 tokens of a segment, is the memory's work: see `Gating`.
/// Source: Nawrot et al. 2024, arXiv 2403.09636; with grouped queries as in the authors' training code.
/// Departure: a prompt is read in one pass, as hard decisions allow, where the authors read it token by token.
public struct DMC: Sendable, Hashable {
  /// Tokens of a segment whose mean an entry is: the newest so many.
  public var window: Int
  /// The channel of queries and keys that carries decisions.
  public var channel: Int
  /// What a key's channel must exceed for a merge, and what is added to the queries' before the sigmoid.
  public var offset: Float
  /// What is added to every weight.
  public var weightEpsilon: Float

  /// Reads `dmc_*` of a configuration; temperature and target ratio matter to training only.
  init(_ facts: CheckpointFacts, headWidth: Int) throws(ModelError) {
    window = try facts.size("dmc_window_size", limit: 1 << 16, default: 12)
    channel = headWidth - 1
    try facts.refuse(
      "dmc_decision_channel", unless: [.integer(-1), .integer(channel)], supported: "-1, the last of a head")
    offset = Float(try facts.positive("dmc_init_val", default: 5))
    // 2⁻⁷, the smallest step of bfloat16 below 1.
    weightEpsilon = Float(try facts.positive("dmc_weight_eps", default: 0.0078125))
  }

  /// What memory needs to know.
  var gating: Gating { Gating(window: window, channel: channel) }

  /// Takes decisions and weights out of queries `[T, Hq·D]` and keys `[T, H·D]`, whose channel is zero from then on.
  /// - Returns: `[T, H·2]`: above 0 a token is merged; its weight.
  func takeGates(from queries: Tensor, _ keys: Tensor, headWidth: Int) -> Tensor {
    let heads = keys.columns / headWidth
    let group = queries.columns / keys.columns
    let decisions = keys.columns(channel..<channel + 1, ofEach: headWidth).values
    let importance = queries.columns(channel..<channel + 1, ofEach: headWidth).values
    let gates = decisions.indices.flatMap { place in
      let mean = importance[place * group..<(place + 1) * group].reduce(0, +) / Float(group)
      return [decisions[place] - offset, 1 / (1 + exp(-mean - offset)) + weightEpsilon]
    }
    queries.processor.clear(channel: channel, of: queries, width: headWidth)
    keys.processor.clear(channel: channel, of: keys, width: headWidth)
    return keys.processor.tensor(rows: keys.rows, columns: heads * 2, values: gates)
  }
}

extension DecoderFamily {
  /// A Llama that merges tokens on arrival.
  public static let dmc = DecoderFamily(
    names: ["dmc_llama"], summary: "a Llama that merges tokens on arrival (Dynamic Memory Compression)"
  ) { facts throws(ModelError) in
    var model = try DecoderConfiguration(llama: facts)
    model.merging = try DMC(facts.plain, headWidth: model.headWidth)
    return model
  }
}
