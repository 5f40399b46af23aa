import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// What a sequence may expect when it shares its passes with others.
@Suite("Sequences of a batch never see each other")
struct BatchLaws {
  private static let lengths = [3, 70, 41]

  @Test("each says and keeps what it says and keeps alone", arguments: LawCase.all.filter { $0.format == .f32 })
  func alone(_ law: LawCase) throws {
    let model = try TestModel(law.model)
    let text = LawCase.text(for: model)
    let prompts = Self.lengths.map { Array(text.suffix($0)) }
    let steps = Array(text.prefix(12))
    let members = try prompts.map { prompt in
      let owned = OwnedCache(model.cache(try law.makePolicy(budget: "17")))
      _ = try model.read(prompt, into: &owned.cache)
      return owned
    }
    var logits: [[[Float]]] = prompts.map { _ in [] }
    for step in steps.indices {
      // The sequences read different tokens.
      let tokens = members.indices.map { steps[(step + $0) % steps.count] }
      for member in members { member.cache.expect(1) }
      var batch = BatchMemory(members)
      #expect(batch.segments == [0..<1, 1..<2, 2..<3])
      let rows = try model.model.logits(for: tokens, wanting: .all, memory: &batch, on: model.processor)
      for index in members.indices { logits[index].append(rows.values(row: index)) }
    }
    for (index, prompt) in prompts.enumerated() {
      var cache = model.cache(try law.makePolicy(budget: "17"))
      _ = try model.read(prompt, into: &cache)
      let tokens = steps.indices.map { steps[($0 + index) % steps.count] }
      let expected = try model.read(tokens, prompt: 0, into: &cache)
      for (found, expected) in zip(logits[index], expected) { #expect(greatestDifference(found, expected) < 1e-4) }
      #expect(members[index].cache.keptPositions == cache.keptPositions)
    }
  }

  @Test("one may read its prompt while the others make a step")
  func mixed() throws {
    let model = try TestModel("llama-gqa")
    let text = LawCase.text(for: model)
    let members = (0..<3).map { _ in OwnedCache(model.cache()) }
    for member in members.dropLast() { _ = try model.read(Array(text[..<20]), into: &member.cache) }
    members[0].cache.expect(1)
    members[1].cache.expect(1)
    members[2].cache.beginPrompt(length: 9)
    members[2].cache.expect(9)
    var batch = BatchMemory(members)
    #expect(batch.positions == [20, 20] + (0..<9))
    let rows = try model.model.logits(
      for: [text[20], text[21]] + text[30..<39], wanting: .all, memory: &batch, on: model.processor)
    var cache = model.cache()
    let expected = try model.read(Array(text[30..<39]), into: &cache)
    #expect(greatestDifference(rows.values(row: 10), expected[8]) < 1e-4)
  }
}
