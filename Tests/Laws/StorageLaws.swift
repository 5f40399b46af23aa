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
    let formats = EntryFormats(keys: law.format, values: law.format)
    let layout = model.model.layout
    let page = formats.pageShape(of: layout.stores[0]).bytes
    let pool = PagePool()
    do {
      var cache = model.cache(try law.makePolicy(budget: "40"), formats: law.format, pool: pool)
      _ = try model.read(LawCase.text(for: model), prompt: LawCase.prompt, into: &cache) { cache in
        let snapshot = Snapshot(cache)
        let pages = snapshot.kept.joined().reduce(0) { $0 + ($1.count + PageShape.entries - 1) / PageShape.entries }
        #expect(snapshot.pages == pages)
        #expect(snapshot.bytes == pages * page + layout.stateBytes)
        #expect(pool.bytes == pages * page)
        #expect(pool.pages == snapshot.pages)
      }
      if law.has("when") {
        // While a layer reads the prompt its store has three pages a head, the stores before it have been reviewed.
        let peak = layout.stores.indices.map { store in
          layout.stores[..<store].reduce(3 * layout.stores[store].heads) { $0 + $1.heads }
        }.max()
        #expect(pool.peakBytes == (peak ?? 0) * page)
      }
    }
    #expect(pool.bytes == 0)
  }

  private func sinks(of law: LawCase) throws -> Int {
    let option = PolicyRegistry.all.first { $0.name == law.policy }?.options.first { $0.key == "sinks" }
    return try #require(option.flatMap { Int($0.defaultValue) })
  }
}
