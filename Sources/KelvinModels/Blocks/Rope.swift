import Foundation
import KelvinAttention

/// How rotary frequencies come about: a base, and a scaling that stretches them for a longer context.
///
/// Unscaled, pair `i` of `d` turned channels turns by `base^(-2i/d)` radians per position (RoFormer, arXiv 2104.09864).
struct Rope {
  enum Scaling {
    case none
    /// Every frequency divided by `factor` (position interpolation, arXiv 2306.15595).
    case linear(factor: Double)
    /// Llama 3.1: see `llama3(_:_:)`.
    case llama3(Llama3)
    /// See `yarn(_:_:pair:)`.
    case yarn(Yarn)
    /// A divisor for each pair, as GGUF files state llama3 scaling.
    case divisors([Double])
    /// See `LongRope`.
    case longRope(LongRope)
  }

  /// The numbers of Llama 3.1's scaling.
  struct Llama3 {
    var factor: Double
    var lowFactor: Double
    var highFactor: Double
    /// The context length before the scaling.
    var originalContext: Double
  }

  /// The numbers of YaRN (arXiv 2309.00071).
  struct Yarn {
    var factor: Double
    /// Turns within the original context above which a pair is kept, and below which it is slowed by the factor.
    var fast, slow: Double
    /// The context length before the scaling.
    var originalContext: Double
    /// What turned channels are multiplied by.
    var magnitude: Double

    /// The magnitude where a file states none (equation 22).
    static func usualMagnitude(factor: Double) -> Double { 0.1 * log(max(1, factor)) + 1 }
  }

  var pairs: Rotary.Pairs
  /// Channels of a head that are turned, the first ones; even.
  var width: Int
  var base: Double
  var scaling: Scaling

  /// The turning of a head.
  var rotary: Rotary {
    let frequencies = (0..<width / 2).map { pair in
      let frequency = pow(base, -2 * Double(pair) / Double(width))
      switch scaling {
      case .none: return frequency
      case .linear(let factor): return frequency / factor
      case .llama3(let numbers): return Self.llama3(frequency, numbers)
      case .yarn(let numbers): return yarn(frequency, numbers, pair: pair)
      case .divisors(let divisors): return frequency / divisors[pair]
      case .longRope(let lists): return frequency / lists.divisors[pair]
      }
    }
    return Rotary(pairs: pairs, frequencies: frequencies, magnitude: magnitude)
  }

  private var magnitude: Double {
    switch scaling {
    case .none, .linear, .llama3, .divisors: 1
    case .yarn(let numbers): numbers.magnitude
    case .longRope(let lists): lists.magnitude
    }
  }

  /// Keeps pairs that turn often within the original context, slows those that do not turn once, blends in between.
  private static func llama3(_ frequency: Double, _ numbers: Llama3) -> Double {
    let turns = numbers.originalContext * frequency / (2 * .pi)
    if turns > numbers.highFactor { return frequency }
    if turns < numbers.lowFactor { return frequency / numbers.factor }
    let blend = (turns - numbers.lowFactor) / (numbers.highFactor - numbers.lowFactor)
    return (1 - blend) * frequency / numbers.factor + blend * frequency
  }

  /// Keeps the pairs below the one that turns `fast` times within the original context, slows those above the one that
  /// turns `slow` times, blends in between in steps of pairs (§3.2).
  private func yarn(_ frequency: Double, _ numbers: Yarn, pair: Int) -> Double {
    func position(turning turns: Double) -> Double {
      Double(width) * log(numbers.originalContext / (turns * 2 * .pi)) / (2 * log(base))
    }
    let kept = max(0, position(turning: numbers.fast).rounded(.down))
    var slowed = min(Double(width) - 1, position(turning: numbers.slow).rounded(.up))
    // As published, so that the ramp has a slope where the two meet.
    if kept == slowed { slowed += 0.001 }
    let share = min(1, max(0, (Double(pair) - kept) / (slowed - kept)))
    return frequency / numbers.factor * share + frequency * (1 - share)
  }
}
