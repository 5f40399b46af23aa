import KelvinAttention
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
    let stores = try TestModel(law.model).model.layout.stores
    for snapshot in try Course(law, budget: "40").snapshots {
      for (heads, store) in zip(snapshot.kept, stores) {
        for kept in heads {
          #expect(kept.last == Int32(snapshot.seen - 1))
          // Sinks leave a window as all entries do, and where entries merge a sink may be the mean of several tokens.
          guard store.isLeftByPoliciesOnly else { continue }
          #expect(kept.prefix(sinks) == Array(0..<Int32(sinks))[...])
        }
      }
    }
  }

  @Test("every step evicts what no longer fits", arguments: LawCase.steady)
  func steady(_ law: LawCase) throws {
    let stores = try TestModel(law.model).model.layout.stores
    for snapshot in try Course(law, budget: "40").snapshots {
      for (heads, store) in zip(snapshot.kept, stores) {
        // Windows and merging may leave fewer than fit.
        #expect(heads.allSatisfy { store.isLeftByPoliciesOnly ? $0.count == 40 : (1...40).contains($0.count) })
      }
    }
  }

  @Test("bytes are pages times the size of a page, and fall the moment entries leave", arguments: LawCase.all)
  func bytes(_ law: LawCase) throws {
    let model = try TestModel(law.model)
    let formats = law.formats
    let layout = model.model.layout
    let shape = formats.pageShape(of: layout.stores[0])
    let (page, tailPage) = (shape.bytes, shape.unquantised.bytes)
    let pool = PagePool()
    do {
      var cache = model.cache(try law.makePolicy(budget: "40"), formats: law.formats, pool: pool)
      _ = try model.read(LawCase.text(for: model), prompt: LawCase.prompt, into: &cache) { cache in
        let snapshot = Snapshot(cache)
        func pages(_ counts: some Sequence<Int>) -> Int {
          counts.reduce(0) { $0 + ($1 + PageShape.entries - 1) / PageShape.entries }
        }
        let heads = zip(snapshot.kept.joined(), snapshot.residual.joined())
        let (old, new) = (pages(heads.map { $0.count - $1.count }), pages(heads.map { $1.count }))
        #expect(snapshot.pages == old + new)
        #expect(snapshot.bytes == old * page + new * tailPage + layout.stateBytes)
        #expect(pool.bytes == old * page + new * tailPage)
        #expect(pool.pages == snapshot.pages)
      }
      if law.actsInSteps {
        // While a layer reads the prompt its store has three pages a head, the stores before it have been reviewed.
        let (reading, reviewed) = law.residual > 0 ? (3 * tailPage, page + tailPage) : (3 * page, page)
        let peak = layout.stores.indices.map { store in
          layout.stores[..<store].reduce(reading * layout.stores[store].heads) { $0 + reviewed * $1.heads }
        }.max()
        #expect(pool.peakBytes == peak)
      }
    }
    #expect(pool.bytes == 0)
  }

  @Test(
    "the newest entries are in f16 and all others quantised, whatever leaves",
    arguments: LawCase.all.filter { $0.residual > 0 },
    [nil, 37])
  func residual(_ law: LawCase, chunk: Int?) throws {
    for snapshot in try Course(law, budget: "40", chunk: chunk).snapshots {
      for (kept, newest) in zip(snapshot.kept.joined(), snapshot.residual.joined()) {
        // Never older ones, and never more: an entry that was quantised stays so when newer ones leave.
        #expect(newest == kept.suffix(newest.count))
        #expect(newest.count <= law.residual)
        if law.policy == "full" { #expect(newest.count == law.residual) }
        if law.has("budget") { #expect(newest.last == kept.last) }
      }
    }
  }

  private func sinks(of law: LawCase) throws -> Int {
    let option = PolicyRegistry.all.first { $0.name == law.policy }?.options.first { $0.key == "sinks" }
    return try #require(option.flatMap { Int($0.defaultValue) })
  }
}
