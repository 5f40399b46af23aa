import KelvinAttention
import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// What every policy in the registry promises about its budget.
///
/// A new policy is tested by its line in the registry.
@Suite("Every policy keeps to its budget")
struct BudgetLaws {
  @Test("a budget that nothing exceeds is the full cache, bit for bit", arguments: LawCase.all)
  func unbounded(_ law: LawCase) throws {
    // Latents in one form: counting queries needs the absorbed one, which rounds differently.
    let full = try Course(law, Full(), form: .absorbed)
    #expect(try Course(law, law.makeGenerous(), form: .absorbed) == full)
    guard law.has("budget") else { return }
    #expect(try Course(law, law.makePolicy(budget: "unbounded"), form: .absorbed) == full)
  }

  @Test("never more entries than the budget after a review", arguments: LawCase.budgeted, [1, 17, 64, 65])
  func neverAbove(_ law: LawCase, budget: Int) throws {
    // Policies refuse budgets that their sinks alone exceed.
    guard (try? law.makePolicy(budget: "\(budget)")) != nil else { return }
    for (steps, snapshot) in try Course(law, budget: "\(budget)").snapshots.enumerated() {
      let most = budget + (law.actsInSteps ? 0 : steps)
      #expect(snapshot.kept.joined().allSatisfy { $0.count <= most })
    }
  }

  @Test("a share of the prompt is a share of the prompt, in steps as well", arguments: LawCase.steady)
  func share(_ law: LawCase) throws {
    // A model's own leading tokens are part of the prompt; a method may round up.
    let prompt = LawCase.prompt + (try TestModel(law.model).model.leadingTokens.count)
    for snapshot in try Course(law, budget: "20%").snapshots {
      #expect(snapshot.kept.joined().allSatisfy { $0.count <= (prompt + 4) / 5 })
    }
  }

  @Test("bytes buy whole pages, and no more than were asked for", arguments: LawCase.steady)
  func bytes(_ law: LawCase) throws {
    let model = try TestModel(law.model)
    let formats = law.formats
    let budget = model.model.layout.fullBytes(formats: formats, tokens: 128)
    let last = try #require(try Course(law, budget: "\(budget)B").snapshots.last)
    #expect(last.bytes <= budget)
    #expect(last.kept.joined().allSatisfy { $0.count <= 128 })
  }

  @Test("with reviewed chunks, never more than the budget and one chunk", arguments: LawCase.steady)
  func chunks(_ law: LawCase) throws {
    let model = try TestModel(law.model)
    let course = try Course(law, budget: "32", chunk: 16, reviewsChunks: true)
    #expect(course.snapshots.allSatisfy { $0.kept.joined().allSatisfy { $0.count <= 32 } })
    let shape = law.formats.pageShape(of: model.model.layout.stores[0])
    let page = shape.bytes + (law.residual > 0 ? shape.unquantised.bytes : 0)
    let heads = model.model.layout.stores.reduce(0) { $0 + $1.heads }
    // 32 entries and a chunk of 16 fit one page, or one of each size.
    #expect(course.snapshots.allSatisfy { $0.bytes <= heads * page + model.model.layout.stateBytes })
  }
}
