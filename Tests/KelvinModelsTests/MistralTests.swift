import KelvinAttention
import KelvinModels
import KelvinTensors
import Testing

@Suite("Mistral")
struct MistralTests {
  static let goldens = FamilyGolden.all("mistral-swa", variants: ["full"])

  @Test("gives the logits of the reference, however it is read, with a window and without", arguments: goldens)
  func golden(_ golden: FamilyGolden) throws { try golden.check(golden.checkpoint()) }

  @Test("all layers have the window; without the key it is 4096, with null there is none")
  func windows() throws {
    var checkpoint = try Self.goldens[0].checkpoint()
    #expect(try ArchitectureRegistry.describe(checkpoint).layout.stores.map(\.reach) == [.window(12), .window(12)])
    checkpoint.metadata["sliding_window"] = nil
    #expect(try ArchitectureRegistry.describe(checkpoint).layout.stores.map(\.reach) == [.window(4096), .window(4096)])
    checkpoint.metadata["sliding_window"] = .null
    #expect(try ArchitectureRegistry.describe(checkpoint).layout.stores.map(\.reach) == [.everything, .everything])
  }

  @Test("a window that makes no sense is refused", arguments: [MetadataValue.integer(0), .integer(-4), .string("12")])
  func badWindow(_ value: MetadataValue) throws {
    var checkpoint = try Self.goldens[0].checkpoint()
    checkpoint.metadata["sliding_window"] = value
    #expect(throws: ModelError.self) { try ArchitectureRegistry.describe(checkpoint) }
  }
}
