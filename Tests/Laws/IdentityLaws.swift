import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// Pairs of methods that their definitions make one: what differs shows a mistake in one of the two.
@Suite("A method at the edge of its options is another method")
struct IdentityLaws {
  private static let models = ["llama-mha", "llama-gqa", "llama-mqa", "llama-mixed"]

  private func expectSame(_ a: some CachePolicy, _ b: some CachePolicy, on model: String) throws {
    let law = LawCase(policy: "", model: model, format: .f32)
    #expect(try Course(law, a) == Course(law, b))
  }

  /// The same numbers in f16, spread over their neighbours or not: they round differently, and come as near to what is not rounded.
  ///
  /// Three times as far at most, because the farthest of some thousand logits is a matter of luck; what is quantised is farther.
  @Test("a residual that nothing exceeds is the cache in f16", arguments: LawCase.all.filter { $0.residual > 0 })
  func residual(_ law: LawCase) throws {
    let half = LawCase(policy: law.policy, model: law.model, format: .f16)
    var (wide, quantised) = (law, law)
    (wide.residual, quantised.residual) = (1000, 0)
    let expected = try Course(half, law.makeGenerous(), form: .absorbed)
    let found = try Course(wide, law.makeGenerous(), form: .absorbed)
    #expect(found.snapshots.map(\.kept) == expected.snapshots.map(\.kept))
    #expect(found.snapshots.map(\.residual) == expected.snapshots.map(\.kept))
    let exact = try Course(
      LawCase(policy: law.policy, model: law.model, format: .f32), law.makeGenerous(), form: .absorbed)
    func distance(_ course: Course) -> Float {
      zip(course.logits, exact.logits).map { greatestDifference($0, $1) }.max() ?? .infinity
    }
    let (near, far) = (distance(expected), distance(try Course(quantised, law.makeGenerous(), form: .absorbed)))
    #expect(distance(found) <= 3 * near && 3 * near < far, "\(distance(found)), f16 \(near), quantised \(far)")
  }

  @Test("H2O whose newest entries fill the budget is the window", arguments: models)
  func local(_ model: String) throws {
    try expectSame(H2O(budget: .entries(40), recent: 40), Window(budget: .entries(40)), on: model)
  }

  @Test("H2O whose history has room for all queries in one block is H2O that sums all, bit for bit", arguments: models)
  func endlessHistory(_ model: String) throws {
    try expectSame(H2O(budget: .entries(40), history: 8 * 200), H2O(budget: .entries(40)), on: model)
  }

  @Test("in eight blocks its sums differ in their last bits, and the same entries stay", arguments: models)
  func longHistory(_ model: String) throws {
    try expectSame(H2O(budget: .entries(40), history: 200), H2O(budget: .entries(40)), on: model)
  }

  @Test("H2O of one query's history is TOVA, where all query heads share a KV head")
  func memoryless() throws {
    try expectSame(
      H2O(budget: .entries(40), recent: 1, history: 1), TOVA(budget: .entries(40), recent: 1), on: "llama-mqa")
  }

  @Test("StreamingLLM without sinks is the window", arguments: models)
  func sinkless(_ model: String) throws {
    try expectSame(StreamingLLM(budget: .entries(40), sinks: 0), Window(budget: .entries(40)), on: model)
  }

  @Test("StreamingLLM with room for everything is the full cache", arguments: models)
  func roomy(_ model: String) throws {
    try expectSame(StreamingLLM(budget: .entries(500)), Full(), on: model)
  }

  @Test("FastGen that must recover all attention is the full cache", arguments: models)
  func recovered(_ model: String) throws {
    try expectSame(FastGen(threshold: 1), Full(), on: model)
  }

  @Test("shared-out budgets of which every head keeps all are the policy itself", arguments: models)
  func safeguarded(_ model: String) throws {
    let policy = H2O(budget: .entries(40))
    try expectSame(AdaptiveHeads(policy, safeguard: 1), policy, on: model)
  }

  @Test("a pyramid without a slope is the policy itself", arguments: models)
  func flat(_ model: String) throws {
    let policy = H2O(budget: .entries(40))
    try expectSame(Pyramid(policy, steepness: 1), policy, on: model)
  }

  @Test("SnapKV that observes one query without pooling is TOVA in the prompt, where all query heads share a KV head")
  func lastQuery() throws {
    try expectSame(
      SnapKV(budget: .entries(40), window: 1, kernel: 1), TOVA(budget: .entries(40), when: .prefill), on: "llama-mqa")
  }

  @Test("VATP over values of equal size is H2O")
  func equalValues() throws {
    var numbers = SeededNumbers(seed: 2)
    var head = HeadLedger(number: 0)
    head.append(0..<90, recording: Records(attention: true))
    head.attention = ContiguousArray(numbers.floats(90).map { abs($0) })
    head.valueNorm = ContiguousArray(repeating: 1.5, count: 90)
    let ledger = Ledger(heads: [head], seen: 90)
    let place = StorePlace(store: 0, headsOfStores: [1], pageEntries: 64, pageBytes: 64)
    func evictions(_ policy: some CachePolicy) -> Set<Int> {
      var policy = policy
      var edits = Edits(heads: 1)
      policy.begin(at: place, promptLength: 90)
      policy.review(ledger, at: .promptEnd, edits: &edits)
      return Set(edits.evictions[0])
    }
    let evicted = evictions(VATP(budget: .entries(30), sinks: 0))
    #expect(evicted.count == 60)
    #expect(evicted == evictions(H2O(budget: .entries(30))))
  }
}
