import KelvinAttention
import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("Phi-3")
struct Phi3Tests {
  static let goldens = FamilyGolden.all("phi3", variants: ["full-rotary-swa16", "longrope-long"])
  static let short = FamilyGolden.all("phi3", variants: ["longrope-short"])[2]

  @Test("gives the logits of the reference, however it is read: partial turning, windows, LongRoPE", arguments: goldens)
  func golden(_ golden: FamilyGolden) throws { try golden.check(golden.checkpoint()) }

  @Test("takes LongRoPE's short factors where no longer sequence is planned")
  func shortFactors() throws {
    var checkpoint = try Self.short.checkpoint()
    checkpoint.metadata["kelvin.sequence_length"] = .integer(64)
    try Self.short.check(checkpoint)
  }

  @Test("gives the same under GGUF's names")
  func gguf() throws {
    let facts: [String: MetadataValue] = [
      "rope.dimension_count": .integer(8), "attention.sliding_window": .integer(0),
    ]
    try Self.goldens[0].check(Self.goldens[0].checkpoint().ggufStyle("phi3", facts))
    let windowed = try Self.goldens[2].checkpoint()
    try Self.goldens[2].check(windowed.ggufStyle("phi3", ["attention.sliding_window": .integer(16)]))
  }

  @Test("GGUF has LongRoPE's factors as tensors")
  func ggufLongRope() throws {
    let golden = Self.goldens[3]
    let facts: [String: MetadataValue] = [
      "rope.dimension_count": .integer(8), "rope.scaling.original_context_length": .integer(32),
    ]
    var checkpoint = try golden.checkpoint().ggufStyle("phi3", facts)
    for (name, factors) in ["long": [1.5, 2, 3, 4], "short": [1, 1.05, 1.1, 1.3]] as [String: [Float]] {
      let tensor = "rope_factors_\(name).weight"
      checkpoint.tensors[tensor] = StoredTensor(
        name: tensor, shape: [4], format: .f32, source: ArraySource(factors), range: 0..<16)
    }
    try golden.check(checkpoint)
  }

  @Test(
    "a share of a head that is no even number of channels is refused", arguments: [0.07, 0.1, 1.5, 1e300])
  func share(_ factor: Double) throws {
    var checkpoint = try Self.goldens[0].checkpoint()
    checkpoint.metadata["partial_rotary_factor"] = .number(factor)
    #expect(throws: ModelError.self) { try ArchitectureRegistry.describe(checkpoint) }
  }

  @Test("LongRoPE with too few factors is refused")
  func fewFactors() throws {
    var checkpoint = try Self.goldens[3].checkpoint()
    checkpoint.metadata["rope_scaling"] = .object(["type": .string("longrope"), "long_factor": .numbers([1, 2])])
    #expect(
      throws: ModelError.invalid(
        model: "phi3", key: "rope_scaling.long_factor", found: "[1.0, 2.0]", expected: "4 finite numbers above 0")
    ) { try ArchitectureRegistry.describe(checkpoint) }
  }
}
