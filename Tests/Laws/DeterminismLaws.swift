import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// What every policy in the registry promises about repetition, and what the full cache promises about chunks.
@Suite("The same text gives the same numbers")
struct DeterminismLaws {
  @Test("in every run and for any number of threads, bit for bit", arguments: LawCase.all)
  func threads(_ law: LawCase) throws {
    let alone = try Course(law, budget: "40")
    #expect(try Course(law, budget: "40") == alone)
    for threads in [2, 3] { #expect(try Course(law, budget: "40", threads: threads) == alone) }
  }

  @Test("with its defaults every policy runs, and every logit is a number", arguments: LawCase.all)
  func runs(_ law: LawCase) throws {
    let model = try TestModel(law.model)
    let entry = try #require(PolicyRegistry.all.first { $0.name == law.policy })
    var cache = model.cache(try entry.makeDefault(), formats: law.formats)
    let logits = try model.read(LawCase.text(for: model), prompt: LawCase.prompt, into: &cache)
    #expect(logits.count == 200)
    #expect(logits.joined().allSatisfy { $0.isFinite })
  }

  /// How far logits of size 10 may be apart.
  ///
  /// A pass of one row joins spans of 512 entries, longer passes sum in one go, and tiles begin at other rows: sums of
  /// 32-bit floats differ in the last bits, up to 1e-5 in the end. f16 and bf16 entries round the same floats, and a
  /// difference in the last bit may round to the neighbour: 2⁻¹¹ and 2⁻⁸ of a key. The steps of q8_0 and q4_0 are 1/127
  /// and 1/8 of the farthest number.
  private static let tolerances: [EntryFormat: Float] = [
    .f32: 5e-5, .f16: 5e-3, .bf16: 5e-2, .q8_0: 5e-2, .q4_0: 1,
  ]

  @Test(
    "one pass, token by token and in chunks of 7, for the full cache",
    // With a residual a pass reads its own entries unrounded, so cuts make a difference.
    arguments: LawCase.all.filter { $0.policy == "full" && $0.residual == 0 })
  func chunks(_ law: LawCase) throws {
    let model = try TestModel(law.model)
    let tolerance = try #require(Self.tolerances[law.format])
    // The two forms of attention to latents meet the steps of a quantised key differently, one with rounded queries.
    let form = law.format.isQuantised ? LatentForm.absorbed : nil
    var whole = model.cache(formats: law.formats)
    whole.latentForm = form
    let expected = try model.read(LawCase.text(for: model), into: &whole)
    for chunk in [1, 7] {
      var cache = model.cache(formats: law.formats)
      cache.latentForm = form
      let found = try model.read(LawCase.text(for: model), chunk: chunk, into: &cache)
      let worst = zip(expected, found).map { greatestDifference($0, $1) }.max() ?? .infinity
      #expect(worst <= tolerance, "chunks of \(chunk): \(worst)")
    }
  }

  @Test(
    "unreviewed chunks end in the same entries as one pass",
    arguments: LawCase.budgeted.filter { $0.format == .f32 })
  func unreviewed(_ law: LawCase) throws {
    let whole = try Course(law, budget: "40")
    // The last chunk, 34 tokens or 35 with a sink, holds all queries that a method observes.
    let chunks = try Course(law, budget: "40", chunk: 58)
    #expect(whole.snapshots.last?.kept == chunks.snapshots.last?.kept)
  }
}
