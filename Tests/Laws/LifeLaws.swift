import KelvinAttention
import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// What every policy in the registry promises about forks, saved caches and going back.
@Suite("A cache can be copied, kept and taken up again")
struct LifeLaws {
  /// Where the life of a cache is cut in two: 20 steps after the prompt.
  private static let cut = LawCase.prompt + 20

  /// A case, and the wrappers around its policy.
  struct Wrapped: Sendable, CustomTestStringConvertible {
    var law: LawCase
    var options: [String]

    var testDescription: String { ([law.testDescription] + options).joined(separator: ", ") }

    /// The policy with a budget of 40 and these wrappers, every option written out.
    func specification() throws -> PolicySpecification {
      var specification = try law.specification(budget: "40")
      for option in options {
        let sides = option.split(separator: "=").map(String.init)
        specification[sides[0]] = sides[1]
      }
      return try specification.completed()
    }
  }

  private static let plain = LawCase.all.map { Wrapped(law: $0, options: []) }
  private static let wrapped = LawCase.all.filter { $0.format == .f16 && $0.model == "llama-gqa" && $0.has("every") }
    .flatMap { law in [["every=3"], ["layers=pyramid", "every=2"]].map { Wrapped(law: law, options: $0) } }

  /// What a cache looks like to whoever goes on with it.
  private struct State: Equatable {
    var kept: [[[Int32]]]
    var residual: [[[Int32]]]
    var ledgers: [[[Int32: Float]]]
    var report: CacheReport

    init(_ cache: borrowing SequenceCache, stores: Int) {
      kept = cache.keptPositions
      residual = cache.residualPositions
      ledgers = (0..<stores).map { store in
        cache.ledger(store: store).heads.map { head in
          Dictionary(
            uniqueKeysWithValues: head.positions.indices.map {
              (head.positions[$0], head.attention.isEmpty ? 0 : head.attention[$0])
            })
        }
      }
      report = cache.report(policy: "", budget: nil)
      report.sharedBytes = 0
    }
  }

  /// Reads the text of the laws as far as the cut.
  private func firstHalf(_ model: TestModel, into cache: inout SequenceCache) throws {
    let text = Array(LawCase.text(for: model).prefix(Self.cut))
    _ = try model.read(text, prompt: LawCase.prompt, chunk: 64, into: &cache)
  }

  /// Reads the rest token by token.
  private func secondHalf(_ model: TestModel, into cache: inout SequenceCache) throws -> [[Float]] {
    try model.read(Array(LawCase.text(for: model).dropFirst(Self.cut)), prompt: 0, into: &cache)
  }

  @Test("save, load, then the same logits and the same evictions", arguments: plain + wrapped)
  func saving(_ wrapped: Wrapped) throws {
    let law = wrapped.law
    let model = try TestModel(law.model)
    let stores = model.model.layout.stores.count
    let specification = try wrapped.specification()
    var cache = model.cache(try PolicyRegistry.make(specification), formats: law.formats)
    try firstHalf(model, into: &cache)
    let file = try CacheBytes.save(cache, policy: specification.description)
    var loaded = model.cache(try PolicyRegistry.make(specification), formats: law.formats)
    try CacheBytes.load(file, into: &loaded, policy: specification.description, on: model.processor)
    #expect(State(loaded, stores: stores) == State(cache, stores: stores))
    #expect(try CacheBytes.save(loaded, policy: specification.description) == file)
    #expect(try secondHalf(model, into: &loaded) == secondHalf(model, into: &cache))
    #expect(State(loaded, stores: stores) == State(cache, stores: stores))
  }

  @Test(
    "a second prompt after loading is read as it would have been",
    arguments: LawCase.all.filter { $0.format == .f16 || $0.residual > 0 })
  func secondPrompt(_ law: LawCase) throws {
    let model = try TestModel(law.model)
    let policy = try law.makePolicy(budget: "30%")
    var cache = model.cache(policy, formats: law.formats)
    try firstHalf(model, into: &cache)
    var loaded = model.cache(policy, formats: law.formats)
    try CacheBytes.load(CacheBytes.save(cache, policy: "p"), into: &loaded, policy: "p", on: model.processor)
    let text = Array(LawCase.text(for: model).prefix(40))
    #expect(try model.read(text, prompt: 30, into: &loaded) == model.read(text, prompt: 30, into: &cache))
    #expect(loaded.keptPositions == cache.keptPositions)
  }

  @Test("a fork goes on as its parent would, and neither disturbs the other", arguments: plain)
  func fork(_ wrapped: Wrapped) throws {
    let law = wrapped.law
    let model = try TestModel(law.model)
    let stores = model.model.layout.stores.count
    let policy = try PolicyRegistry.make(wrapped.specification())
    let pool = PagePool()
    var cache = model.cache(policy, formats: law.formats, pool: pool)
    try firstHalf(model, into: &cache)
    let before = pool.bytes
    var alike = try cache.fork()
    var other = try cache.fork()
    #expect(pool.bytes == before)
    #expect(cache.report(policy: "", budget: nil).sharedBytes == before && other.sharedBytes == before)
    _ = try model.read(Array(LawCase.text(for: model).reversed()), prompt: 70, into: &other)
    let expected = try secondHalf(model, into: &alike)
    let end = State(alike, stores: stores)
    #expect(try secondHalf(model, into: &cache) == expected)
    #expect(State(cache, stores: stores) == end && State(alike, stores: stores) == end)
  }

  @Test(
    "back to a prefix: exactly as if nothing had followed, or a refusal that says why", arguments: LawCase.all,
    [63, 64, 170])
  func rollback(_ law: LawCase, count: Int) throws {
    let model = try TestModel(law.model)
    let stores = model.model.layout.stores.count
    let text = LawCase.text(for: model)
    for policy in [try law.makeGenerous(), try law.makePolicy(budget: "40")] {
      var cache = model.cache(policy, formats: law.formats)
      _ = try model.read(text, prompt: LawCase.prompt, into: &cache)
      let before = State(cache, stores: stores)
      do {
        try cache.rollback(to: count)
      } catch {
        if error == .settled(count: count, residual: law.residual) {
          #expect(State(cache, stores: stores) == before && before.kept != before.residual)
          continue
        }
        guard case .entryLeft = error else {
          let layout = model.model.layout
          let folds = !layout.states.isEmpty || layout.stores.contains { $0.gating != nil }
          #expect(
            error == (folds ? .tokensFolded(count: count) : .attentionAddedUp(count: count))
              && (folds || policy.records.addsUp))
          continue
        }
        #expect(State(cache, stores: stores) == before && before.kept.joined().contains { $0.count < 200 })
        continue
      }
      // What the model puts in front counts as positions.
      let rest = Array(text[(count - model.model.leadingTokens.count)...])
      var fresh = model.cache(policy, formats: law.formats)
      _ = try model.read(text, prompt: LawCase.prompt, into: &fresh)
      #expect(cache.seen == count && cache.keptPositions.joined().allSatisfy { $0.count == count })
      #expect(try model.read(rest, prompt: rest.count, into: &cache).count == rest.count)
      #expect(cache.keptPositions == fresh.keptPositions)
    }
  }

  @Test(
    "the full cache always goes back, and reads the same text to the same logits",
    arguments: [0, 1, 63, 64, 65, 199, 200])
  func fullRollback(_ count: Int) throws {
    let model = try TestModel("llama-gqa")
    let text = LawCase.text(for: model)
    var cache = model.cache()
    let expected = try model.read(text, prompt: 0, into: &cache)
    let whole = Snapshot(cache)
    try cache.rollback(to: count)
    #expect(cache.keptPositions.joined().allSatisfy { $0 == Array(0..<Int32(count)) })
    #expect(cache.pagePool.pages == (count + 63) / 64 * 6)
    let again = try model.read(Array(text[count...]), prompt: 0, into: &cache)
    #expect(again == Array(expected[count...]))
    #expect(Snapshot(cache) == whole)
    #expect(throws: CacheError.notRead(count: 201, seen: 200)) { try cache.rollback(to: 201) }
    #expect(throws: CacheError.notRead(count: -1, seen: 200)) { try cache.rollback(to: -1) }
  }
}
