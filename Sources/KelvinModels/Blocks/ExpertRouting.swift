import Foundation

/// How tokens choose their experts (DeepSeek-V2, arXiv 2405.04434 §2.2; DeepSeek-V3, arXiv 2412.19437 §2.1.2).
public struct ExpertRouting: Sendable, Hashable {
  /// What becomes of the router's outputs.
  public enum Scores: Sendable, Hashable { case softmax, sigmoid }
  /// What a group of experts is worth.
  public enum GroupScore: Sendable, Hashable { case best, sumOfTwoBest }

  /// Routed experts.
  public var experts: Int
  /// Experts that a token chooses.
  public var chosen: Int
  /// What becomes of the router's outputs.
  public var scores: Scores
  /// Whether a bias that balances the load is added to scores while experts are chosen; it is not part of their weights.
  public var hasCorrection: Bool
  /// Groups of neighbouring experts; 1: none.
  public var groups: Int
  /// Groups that a token may choose from.
  public var keptGroups: Int
  /// What a group is worth.
  public var groupScore: GroupScore
  /// Whether the chosen experts' scores are divided by their sum.
  public var normalises: Bool
  /// What the weights are multiplied by at the end.
  public var scale: Float

  /// One choice of a token.
  package struct Choice: Sendable, Hashable {
    package var expert: Int
    package var weight: Float
  }

  /// The experts of one token, by ascending number; equal scores choose the smaller number.
  /// - Parameters:
  ///   - outputs: of the router, `[experts]`.
  ///   - correction: `[experts]`, where there is one.
  package func choices(_ outputs: [Float], correction: ContiguousArray<Float>?) -> [Choice] {
    let scores = scored(outputs)
    var biased = scores
    if let correction { for expert in biased.indices { biased[expert] += correction[expert] } }
    let candidates = candidates(biased)
    let best = Self.best(chosen, of: candidates) { biased[$0] }.sorted()
    let sum = normalises ? best.reduce(Float(1e-20)) { $0 + scores[$1] } : 1
    return best.map { Choice(expert: $0, weight: scores[$0] / sum * scale) }
  }

  private func scored(_ outputs: [Float]) -> [Float] {
    switch scores {
    case .sigmoid: return outputs.map { 1 / (1 + exp(-$0)) }
    case .softmax:
      let top = outputs.max() ?? 0
      let powers = outputs.map { exp($0 - top) }
      let sum = powers.reduce(0, +)
      return powers.map { $0 / sum }
    }
  }

  /// The experts of the groups that are worth most.
  private func candidates(_ scores: [Float]) -> [Int] {
    guard groups > 1 else { return Array(scores.indices) }
    let size = experts / groups
    let worth = (0..<groups).map { group in
      let best = scores[group * size..<(group + 1) * size].sorted(by: >)
      return groupScore == .best ? best[0] : best.prefix(2).reduce(0, +)
    }
    return Self.best(keptGroups, of: Array(0..<groups)) { worth[$0] }
      .flatMap { Array($0 * size..<($0 + 1) * size) }
  }

  /// The `count` numbers of highest score; of equal ones the smaller.
  private static func best(_ count: Int, of numbers: [Int], score: (Int) -> Float) -> [Int] {
    Array(numbers.sorted { score($0) == score($1) ? $0 < $1 : score($0) > score($1) }.prefix(count))
  }
}
