import Foundation

/// Chooses tokens from logits, in llama.cpp's order: bias and penalties, then top-k, top-p, min-p, temperature, a draw.
public struct Sampler: Sendable {
  private let options: SamplingOptions
  private var random: RandomNumbers
  private var history: [Int32] = []

  /// A sampler that begins after `history`, tokens that the penalties already see, oldest first.
  public init(_ options: SamplingOptions, history: [Int32] = []) {
    self.options = options
    self.history = history
    random = RandomNumbers(seed: options.seed ?? UInt64.random(in: .min ... .max))
  }

  /// The next token, which also joins the penalised history.
  public mutating func choose(from logits: [Float]) -> Int32 {
    var logits = logits
    adjust(&logits)
    let token = options.temperature == 0 ? Self.mostLikely(logits) : draw(from: logits)
    history.append(token)
    return token
  }

  /// The index of the largest logit; of equal ones, and of none that is a number, the smallest index.
  public static func mostLikely(_ logits: [Float]) -> Int32 {
    var best = 0
    for index in logits.indices
    where logits[index] > logits[best] || (logits[best].isNaN && !logits[index].isNaN) { best = index }
    return Int32(best)
  }

  private func adjust(_ logits: inout [Float]) {
    for (token, bias) in options.logitBias where logits.indices.contains(Int(token)) { logits[Int(token)] += bias }
    guard options.repetitionPenalty != 1 || options.presencePenalty != 0 || options.frequencyPenalty != 0 else {
      return
    }
    let window = options.penaltyWindow < 0 ? history[...] : history.suffix(options.penaltyWindow)
    var counts: [Int32: Float] = [:]
    for token in window { counts[token, default: 0] += 1 }
    for (token, count) in counts where logits.indices.contains(Int(token)) {
      let logit = logits[Int(token)]
      let scaled = logit > 0 ? logit / options.repetitionPenalty : logit * options.repetitionPenalty
      logits[Int(token)] = scaled - options.presencePenalty - count * options.frequencyPenalty
    }
  }

  private mutating func draw(from logits: [Float]) -> Int32 {
    let candidates = truncated(logits)
    let top = logits[candidates[0]]
    let weights = candidates.map { exp((logits[$0] - top) / options.temperature) }
    var rest = random.nextUnit() * weights.reduce(0, +)
    for (candidate, weight) in zip(candidates, weights) {
      rest -= weight
      if rest < 0 { return Int32(candidate) }
    }
    return Int32(candidates[0])
  }

  /// The candidates that top-k, top-p and min-p leave, most likely first; at least one.
  private func truncated(_ logits: [Float]) -> [Int] {
    var candidates = options.topK > 0 ? Self.largest(options.topK, of: logits) : Array(logits.indices)
    if options.topK == 0 {
      candidates.sort { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }
    }
    let top = logits[candidates[0]]
    if options.topP < 1 {
      let weights = candidates.map { exp(logits[$0] - top) }
      let enough = weights.reduce(0, +) * options.topP
      var sum: Float = 0
      let last = weights.firstIndex { weight in
        sum += weight
        return sum >= enough
      }
      candidates = Array(candidates.prefix((last ?? candidates.count - 1) + 1))
    }
    if options.minP > 0 {
      let least = top + log(options.minP)
      candidates = Array(candidates.prefix { logits[$0] >= least })
    }
    return candidates
  }

  /// The indices of the `count` largest logits, largest first, in one pass; of equal ones the smaller index first.
  private static func largest(_ count: Int, of logits: [Float]) -> [Int] {
    var best: [Int] = []
    for index in logits.indices {
      if best.count == count, let last = best.last, logits[index] <= logits[last] { continue }
      var low = 0
      var high = best.count
      while low < high {
        let middle = (low + high) / 2
        if logits[best[middle]] >= logits[index] { low = middle + 1 } else { high = middle }
      }
      best.insert(index, at: low)
      if best.count > count { best.removeLast() }
    }
    return best
  }
}

/// SplitMix64: the same numbers from the same seed on every machine.
struct RandomNumbers: Sendable {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  /// A number in [0, 1) with 24 random bits.
  mutating func nextUnit() -> Float {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Float((mixed ^ (mixed >> 31)) >> 40) / Float(1 << 24)
  }
}
