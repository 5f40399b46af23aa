import KelvinAttention
import KelvinCache
import KelvinEngine
import KelvinModels
import KelvinPolicies
import KelvinTensors
import Testing

/// What a plan promises of every policy in the registry, with every wrapper, on every kind of store.
@Suite("No cache takes more than its plan")
struct CachePlanLaws {
  /// A kind of memory and a format of entries.
  struct Shape: Sendable, CustomTestStringConvertible {
    var model: String
    var format: EntryFormat
    var residual = 0

    var testDescription: String { "\(model), \(format.rawValue)+\(residual)" }
  }

  static let shapes = [
    Shape(model: "llama-gqa", format: .f16), Shape(model: "llama-mixed", format: .q8_0),
    Shape(model: "llama-rope3", format: .q4_0, residual: 24), Shape(model: "llama-rope3", format: .q8_0, residual: 64),
    Shape(model: "deepseek-v2-lite-dense", format: .f16), Shape(model: "yoco-swa", format: .f16),
    Shape(model: "dmc-llama", format: .f32),
  ]

  /// Options of wrappers and of moments, each with a budget; a policy that does not know one is left out there.
  static let options = [
    "budget=20%", "budget=70,when=decode", "budget=70,when=prefill,every=7", "budget=5%,heads=adaptive",
    "budget=64,heads=adaptive,every=7", "budget=70,heads=adaptive,layers=pyramid",
    "budget=40,heads=adaptive,when=decode",
    "budget=20%,heads=adaptive,when=prefill", "budget=40,heads=adaptive,protect=prompt,recent=60",
  ]

  static let named = PolicyRegistry.all.flatMap { entry in
    let written = options.map { "\(entry.name):\($0)" }.filter { text in
      (try? PolicySpecification(text)).map { (try? PolicyRegistry.make($0)) != nil } ?? false
    }
    return written.isEmpty ? [entry.name] : written
  }

  @Test(
    "a budget in bytes is kept by all heads and layers together, however they share it", arguments: PolicyRegistry.all,
    shapes)
  func bytes(_ entry: PolicyEntry, _ shape: Shape) throws {
    let model = try TinyModel(shape.model)
    let formats = EntryFormats(keys: shape.format, values: shape.format, residual: shape.residual)
    let budget = try CachePlan(
      layout: model.model.layout, options: CachePlanTests.options("full", formats), tokens: 200
    ).fullBytes
    func isKnown(_ policy: String) -> Bool {
      (try? PolicySpecification(policy)).flatMap { try? PolicyRegistry.make($0) } != nil
    }
    let skipping = entry.options.contains { $0.key == "skip" } ? ",skip=none" : ""
    for sharing in ["", ",heads=adaptive", ",layers=pyramid", ",heads=adaptive,layers=pyramid"] {
      let policy = "\(entry.name):budget=\(budget)B\(skipping)\(sharing)"
      guard isKnown(policy) else { continue }
      // What acts in prefill only grows afterwards.
      let steps = isKnown(policy + ",when=both") ? 30 : 0
      try model.read(tokens: 400, steps: steps, options: CachePlanTests.options(policy, formats)) { report, _ in
        #expect(report.bytes <= budget, "\(policy)")
      }
    }
  }

  @Test(
    "at the end of the prompt and after each of 80 steps: never more, and as much where it is no bound",
    arguments: named, shapes)
  func bound(_ policy: String, _ shape: Shape) throws {
    let model = try TinyModel(shape.model)
    let formats = EntryFormats(keys: shape.format, values: shape.format, residual: shape.residual)
    for (chunk, reviewsChunks) in [(512, false), (48, false), (48, true)] {
      let options = try CachePlanTests.options(policy, formats, chunk: chunk, reviewsChunks: reviewsChunks)
      var generated = 1
      try model.read(tokens: 150, steps: 80, options: options) { report, peak in
        let plan = try CachePlan(layout: model.model.layout, options: options, tokens: 150, generated: generated)
        let place = "\(policy), chunk \(chunk), \(generated) generated"
        #expect(report.bytes <= plan.keptBytes, "\(place)")
        #expect(peak <= plan.peakBytes, "\(place)")
        if !plan.keptIsBound, plan.layout.stores.allSatisfy({ $0.gating == nil }), policy != "fastgen" {
          #expect(report.bytes == plan.keptBytes, "\(place)")
        }
        generated += 1
      }
    }
  }
}
