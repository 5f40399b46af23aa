import KelvinPolicies
import KelvinTensors
import Testing

/// Between two steps an entry that left may lie where the next one will.
///
/// Whoever looks at the cache closes such places, so a run that is looked at after every step is the reference for one that is
/// not.
@Suite("The next entry takes the place of one that leaves in a step")
struct VacancyTests {
  private static let policies = [
    "h2o:budget=70", "tova:budget=70", "streaming:budget=70,sinks=2", "vatp:budget=70", "l2:budget=70",
    "window:budget=64", "random:budget=65", "scissorhands:budget=70", "h2o:budget=70,every=3",
    "criticalkv:budget=70", "keydiff:budget=70", "keydiff:budget=70,every=3", "h2o:budget=70,history=16",
    "scissorhands:budget=70,history=100", "h2o:budget=70,protect=special",
  ]

  private func kept(_ ledger: [[Int32: Float]]) -> [Set<Int32>] { ledger.map { Set($0.keys) } }

  private func distance(_ one: [Float], _ other: [Float]) -> Float {
    zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  @Test(
    "the same entries stay, with the same attention, and outputs agree, whether or not somebody looks in between",
    arguments: policies, [EntryFormat.f32, .q8_0])
  func unseen(policy: String, format: EntryFormat) throws {
    var passes = RandomPasses(
      heads: 3, group: 2, keyWidth: 32, valueWidth: 32, passes: [90] + Array(repeating: 1, count: 150), formats: format,
      threads: 2)
    let seen = try passes.run(try PolicyRegistry.make(PolicySpecification(policy)))
    passes.unseenPasses = 1..<passes.passes.count - 1
    let unseen = try passes.run(try PolicyRegistry.make(PolicySpecification(policy)))
    for (one, other) in zip(seen, unseen) { #expect(distance(one.output, other.output) < 1e-5) }
    let last = try #require(seen.last).ledger
    let other = try #require(unseen.last).ledger
    #expect(kept(last) == kept(other))
    for (head, otherHead) in zip(last, other) {
      for (position, attention) in head { #expect(abs(attention - (otherHead[position] ?? .nan)) < 1e-4) }
    }
  }

  @Test("a prompt that follows steps finds none, and neither does one who looks at pages", arguments: [0, 8])
  func prompt(residual: Int) throws {
    var passes = RandomPasses(
      keyWidth: 32, valueWidth: 32, passes: [70, 1, 1, 1, 9, 1, 1, 5, 1], formats: .q8_0, residual: residual)
    let policy = try PolicyRegistry.make(PolicySpecification("h2o:budget=64"))
    let seen = try passes.run(policy)
    passes.unseenPasses = 1..<passes.passes.count - 1
    let unseen = try passes.run(policy)
    for (one, other) in zip(seen, unseen) { #expect(distance(one.output, other.output) < 1e-5) }
    #expect(kept(try #require(seen.last).ledger) == kept(try #require(unseen.last).ledger))
  }
}
