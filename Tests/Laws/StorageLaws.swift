import KelvinAttention
import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// What every policy in the registry promises about what is kept and where it lies.
@Suite("Every policy keeps sound entries and gives memory back")
struct StorageLaws {
  @Test("positions are unique, ascending in reports, and have been read", arguments: LawCase.all)
  func positions(_ law: LawCase) throws {
    for snapshot in try Course(law, budget: "40").snapshots {
      for kept in snapshot.kept.joined() {
        #expect(Set(kept).count == kept.count)
        #expect(kept == kept.sorted())
        #expect(kept.allSatisfy { $0 >= 0 && $0 < snapshot.seen })
      }
    }
  }

  @Test("the newest entry stays, and so do the sinks of policies that have them", arguments: LawCase.budgeted)
  func protected(_ law: LawCase) throws {
    let sinks = law.has("sinks") ? try sinks(of: law) : 0
    for snapshot in try Course(law, budget: "40").snapshots {
      for kept in snapshot.kept.joined() {
        #expect(kept.last == Int32(snapshot.seen - 1))
        #expect(kept.prefix(sinks) == Array(0..<Int32(sinks))[...])
      }
    }
  }

  @Test("every step evicts what no longer fits", arguments: LawCase.steady)
  func steady(_ law: LawCase) throws {
    let course = try Course(law, budget: "40")
    #expect(course.snapshots.allSatisfy { $0.kept.joined().allSatisfy { $0.count == 40 } })
  }

  @Test("bytes are pages times the size of a page, and fall the moment entries leave", arguments: LawCase.all)
  func bytes(_ law: LawCase) throws {
    let model = try TestModel(law.model)
    let formats = EntryFormats(keys: law.format, values: law.format)
    let page = formats.pageShape(of: model.model.layout.stores[0]).bytes
    let pool = PagePool()
    do {
      var cache = model.cache(try law.makePolicy(budget: "40"), formats: law.format, pool: pool)
      _ = try model.read(LawCase.text(for: model), prompt: LawCase.prompt, into: &cache) { cache in
        let snapshot = Snapshot(cache)
        let pages = snapshot.kept.joined().reduce(0) { $0 + ($1.count + PageShape.entries - 1) / PageShape.entries }
        #expect(snapshot.pages == pages)
        #expect(snapshot.bytes == pages * page)
        #expect(pool.bytes == snapshot.bytes)
        #expect(pool.pages == snapshot.pages)
      }
      let heads = model.model.layout.stores[0].heads
      if law.has("when") {
        // While the last layer reads the prompt it has three pages a head, the layers before it have been reviewed.
        #expect(pool.peakBytes == (model.model.layout.stores.count - 1 + 3) * heads * page)
      }
    }
    #expect(pool.bytes == 0)
  }

  private func sinks(of law: LawCase) throws -> Int {
    let option = PolicyRegistry.all.first { $0.name == law.policy }?.options.first { $0.key == "sinks" }
    return try #require(option.flatMap { Int($0.defaultValue) })
  }
}
