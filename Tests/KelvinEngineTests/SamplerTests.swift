import Foundation
import KelvinEngine
import TestSupport
import Testing

@Suite("The sampler adjusts, truncates and draws as llama.cpp does")
struct SamplerTests {
  /// Logits of these probabilities.
  private static func logits(_ probabilities: [Double]) -> [Float] { probabilities.map { Float(log($0)) } }
  private static let four = logits([0.3, 0.5, 0.05, 0.15])

  private func options(_ change: (inout SamplingOptions) -> Void) -> SamplingOptions {
    var options = SamplingOptions()
    options.temperature = 1
    options.seed = 1
    change(&options)
    return options
  }

  /// How often each token comes in `count` draws.
  private func draws(_ count: Int, _ options: SamplingOptions, from logits: [Float] = four) -> [Int] {
    var sampler = Sampler(options)
    var counts = Array(repeating: 0, count: logits.count)
    for _ in 0..<count { counts[Int(sampler.choose(from: logits))] += 1 }
    return counts
  }

  @Test("temperature 0 takes the largest logit, of equal ones the first")
  func greedy() {
    var sampler = Sampler(SamplingOptions())
    #expect(sampler.choose(from: Self.four) == 1)
    #expect(sampler.choose(from: [2, 7, 7, 7]) == 1)
    #expect(sampler.choose(from: [-.infinity, -.infinity]) == 0)
  }

  @Test("what is no number is never the largest")
  func notANumber() {
    #expect(Sampler.mostLikely([.nan, 1, 2, .nan]) == 2)
    #expect(Sampler.mostLikely([1, .nan]) == 0)
    #expect(Sampler.mostLikely([.nan, .nan, .nan]) == 0)
  }

  @Test("draws follow the probabilities, sharper at a lower temperature")
  func temperature() {
    // 20 000 draws have a standard deviation of at most 71.
    for (temperature, expected) in [(Float(1), [0.3, 0.5, 0.05, 0.15]), (0.5, [0.09, 0.25, 0.0025, 0.0225])] {
      let counts = draws(20_000, options { $0.temperature = temperature })
      let sum = expected.reduce(0, +)
      for (count, share) in zip(counts, expected) { #expect(abs(Double(count) - 20_000 * share / sum) < 280) }
    }
  }

  @Test("top-k leaves the k most likely, of equal ones the first")
  func topK() {
    #expect(draws(200, options { $0.topK = 1 }) == [0, 200, 0, 0])
    let two = draws(500, options { $0.topK = 2 })
    #expect(two[0] > 0 && two[1] > 0 && two[2] == 0 && two[3] == 0)
    let ties = draws(500, options { $0.topK = 2 }, from: [1, 1, 1, 1])
    #expect(ties[0] > 0 && ties[1] > 0 && ties[2] == 0 && ties[3] == 0)
    #expect(draws(500, options { $0.topK = 100 }).allSatisfy { $0 > 0 })
  }

  @Test(
    "top-p leaves the fewest that add up to p",
    arguments: [(0.01, 1), (0.49, 1), (0.51, 2), (0.79, 2), (0.81, 3), (0.96, 4), (1, 4)])
  func topP(_ p: Double, _ left: Int) {
    let counts = draws(2000, options { $0.topP = Float(p) })
    #expect([1, 0, 3, 2].prefix(left).allSatisfy { counts[$0] > 0 })
    #expect([1, 0, 3, 2].dropFirst(left).allSatisfy { counts[$0] == 0 })
  }

  @Test(
    "min-p leaves those at least p times as likely as the first",
    arguments: [(1.0, 1), (0.61, 1), (0.59, 2), (0.31, 2), (0.29, 3), (0.09, 4), (0, 4)])
  func minP(_ p: Double, _ left: Int) {
    let counts = draws(2000, options { $0.minP = Float(p) })
    #expect([1, 0, 3, 2].prefix(left).allSatisfy { counts[$0] > 0 })
    #expect([1, 0, 3, 2].dropFirst(left).allSatisfy { counts[$0] == 0 })
  }

  @Test("the repetition penalty divides positive logits and multiplies negative ones")
  func repetition() {
    var options = SamplingOptions()
    options.repetitionPenalty = 2
    var seen = Sampler(options, history: [0])
    #expect(seen.choose(from: [4, 3, -1]) == 1)
    var negative = Sampler(options, history: [0])
    #expect(negative.choose(from: [-1, -1.5, -3]) == 1)
    var fresh = Sampler(options)
    #expect(fresh.choose(from: [4, 3, -1]) == 0)
  }

  @Test("presence counts once, frequency every time")
  func presenceAndFrequency() {
    var presence = SamplingOptions()
    presence.presencePenalty = 1.5
    var once = Sampler(presence, history: [0, 0, 0, 0])
    #expect(once.choose(from: [4, 2]) == 0)
    var frequency = SamplingOptions()
    frequency.frequencyPenalty = 1.5
    var each = Sampler(frequency, history: [0, 0])
    #expect(each.choose(from: [4, 2]) == 1)
  }

  @Test("chosen tokens join the history, and old ones leave its window")
  func window() {
    var options = SamplingOptions()
    options.presencePenalty = 10
    options.penaltyWindow = 1
    var sampler = Sampler(options)
    #expect((0..<4).map { _ in sampler.choose(from: [2, 1, 0]) } == [0, 1, 0, 1])
    options.penaltyWindow = -1
    var all = Sampler(options)
    #expect((0..<3).map { _ in all.choose(from: [2, 1, 0]) } == [0, 1, 2])
    options.penaltyWindow = 0
    var none = Sampler(options)
    #expect((0..<3).map { _ in none.choose(from: [2, 1, 0]) } == [0, 0, 0])
  }

  @Test("a bias is added to its logit; minus infinity forbids, and tokens that do not exist are ignored")
  func bias() {
    var options = SamplingOptions()
    options.logitBias = [2: 3, 77: 100, -1: 100]
    var sampler = Sampler(options)
    #expect(sampler.choose(from: [4, 1, 2]) == 2)
    let forbidding = self.options { $0.logitBias = [1: -.infinity] }
    #expect(draws(500, forbidding)[1] == 0)
  }

  @Test("the same seed draws the same tokens, another seed others")
  func seeds() {
    func tokens(_ seed: UInt64) -> [Int32] {
      var sampler = Sampler(options { $0.seed = seed })
      return (0..<100).map { _ in sampler.choose(from: Self.four) }
    }
    #expect(tokens(5) == tokens(5))
    #expect(tokens(5) != tokens(6))
  }

  @Test("an option out of range is refused by its command-line name")
  func ranges() throws {
    func complaint(_ change: (inout SamplingOptions) -> Void) -> String? {
      do {
        try options(change).validate()
        return nil
      } catch {
        guard case .invalidOption(let option, _, _) = error else { return "another error" }
        return option
      }
    }
    #expect(complaint { _ in } == nil)
    #expect(complaint { $0.temperature = -1 } == "temperature")
    #expect(complaint { $0.temperature = .nan } == "temperature")
    #expect(complaint { $0.topK = -1 } == "top-k")
    #expect(complaint { $0.topP = 0 } == "top-p")
    #expect(complaint { $0.topP = 1.1 } == "top-p")
    #expect(complaint { $0.minP = -0.1 } == "min-p")
    #expect(complaint { $0.repetitionPenalty = 0 } == "repeat-penalty")
    #expect(complaint { $0.presencePenalty = .infinity } == "presence-penalty")
    #expect(complaint { $0.frequencyPenalty = .nan } == "frequency-penalty")
    #expect(complaint { $0.penaltyWindow = -2 } == "repeat-last-n")
  }
}
