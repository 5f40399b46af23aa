import KelvinAttention
import KelvinCache
import KelvinEngine
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestSupport
import Testing

@Suite("What inspect says about the options of a cache")
struct CacheNoteTests {
  private func layout(_ folder: String) throws -> CacheLayout {
    try ModelInspection(configuration: Fixtures.path(folder + "/config.json")).description.layout
  }

  /// The notes of a golden model as `option effect stores`.
  private func brief(_ folder: String, hasTokenizer: Bool = true) throws -> [String] {
    try layout(folder).notes(hasTokenizer: hasTokenizer).map { "\($0.option) \($0.effect.rawValue) \($0.stores)" }
  }

  /// Heads of the golden models are 16 wide, or 24.
  private static let noBlocks = ["cache-type-k=q8_0|q4_0 refused", "cache-type-v=q8_0|q4_0 refused"]

  private func noBlocks(_ stores: Int) -> [String] { Self.noBlocks.map { "\($0) \(stores)" } }

  @Test("a plain cache of whole blocks has nothing to say")
  func plain() {
    let store = StoreLayout(
      heads: 2, keyWidth: 64, values: .stored(width: 64), rotary: Rotary(pairs: .halves, frequencies: [1]))
    #expect(CacheLayout(layers: 2, each: store).notes(hasTokenizer: true) == [])
  }

  @Test("formats of blocks are refused where heads are no whole blocks")
  func formats() throws {
    #expect(try brief("llama-gqa") == noBlocks(3))
    let note = try #require(try layout("llama-gqa").notes(hasTokenizer: true).first)
    #expect(note.reason == "keys of 16 numbers are no whole blocks of 32" && note.policies == [])
    var options = CacheOptions()
    options.formats.keys = .q8_0
    #expect(throws: EngineError.self) {
      try CachePlan(layout: layout("llama-gqa"), options: options, tokens: 64)
    }
  }

  @Test("windows: larger budgets and closed ranks do nothing there, one KV head shares nothing out")
  func windows() throws {
    #expect(
      try brief("gemma3-text") == ["budget none 2", "positions=compacted none 2", "heads=adaptive none 4"]
        + noBlocks(4))
    #expect(
      try brief("yoco-swa") == ["budget none 2", "positions=compacted none 2"] + noBlocks(3))
    let notes = try layout("gemma3-text").notes(hasTokenizer: true)
    #expect(notes[0].reason.hasPrefix("from 8 entries on"))
    #expect(notes[0].policies == PolicyRegistry.all.filter { $0.options.contains { $0.key == "budget" } }.map(\.name))
    #expect(notes[1].policies == ["streaming"])
  }

  @Test("merged entries and unturned keys close no ranks")
  func ranks() throws {
    #expect(try brief("dmc-llama") == ["positions=compacted none 2"] + noBlocks(2))
    #expect(try brief("gpt2") == ["positions=compacted none 2"] + noBlocks(2))
    let (merged, unturned) = (try layout("dmc-llama"), try layout("gpt2"))
    #expect(merged.notes(hasTokenizer: true)[0].reason.hasPrefix("merged entries"))
    #expect(unturned.notes(hasTokenizer: true)[0].reason.hasPrefix("keys are not turned"))
  }

  @Test("a single store has no layers to share a budget, and states no entries")
  func states() throws {
    #expect(try brief("yoco-gret") == ["layers=pyramid none 1", "budget less 0"] + noBlocks(1))
    #expect(try layout("yoco-gret").notes(hasTokenizer: true)[1].reason.hasPrefix("2 layers keep states"))
  }

  @Test("latents have one head, and their own size")
  func latents() throws {
    #expect(
      try brief("deepseek-v3") == [
        "heads=adaptive none 2", "values less 2", "cache-type-v=q8_0|q4_0 refused 2",
      ])
    let note = try #require(try layout("deepseek-v3").notes(hasTokenizer: true).first { $0.option == "values" })
    #expect(note.policies == ["vatp", "criticalkv", "expected"])
  }

  @Test("without a tokenizer tokens have no kinds")
  func kinds() throws {
    let notes = try layout("llama-gqa").notes(hasTokenizer: false).prefix(2)
    #expect(notes.map(\.option) == ["kinds", "protect=special+punctuation+newline"])
    #expect(notes[0].policies == ["fastgen"])
  }
}
