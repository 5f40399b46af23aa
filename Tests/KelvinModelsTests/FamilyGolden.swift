import KelvinCheckpoints
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// A checkpoint of random weights under one of its configurations, and what the reference computed.
struct FamilyGolden: Sendable, CustomTestStringConvertible {
  /// In `Tests/Fixtures`.
  var folder: String
  /// Beside the weights.
  var configuration: String
  var golden: String

  var testDescription: String { "\(folder)/\(configuration)" }

  /// The configuration in the style of the hub, the same as transformers 5.2 writes it, and variants.
  static func all(_ folder: String, variants: [String] = []) -> [Self] {
    ["config.json", "config.transformers-5.2.json"].map {
      Self(folder: folder, configuration: $0, golden: "golden.json")
    }
      + variants.map {
        Self(folder: folder, configuration: "variants/\($0).config.json", golden: "variants/\($0).golden.json")
      }
  }

  func checkpoint() throws -> Checkpoint {
    var checkpoint = try CheckpointReader.read(path: Fixtures.path(folder))
    checkpoint.metadata =
      try CheckpointReader.read(configuration: Fixtures.path("\(folder)/\(configuration)")).metadata
    return checkpoint
  }

  /// Logits and likelihoods within the tolerance, in one pass, in chunks and token by token, and the same greedy tokens.
  func check(_ checkpoint: Checkpoint, at place: SourceLocation = #_sourceLocation) throws {
    let expected: CheckpointGolden = try Fixtures.json("\(folder)/\(golden)")
    let model = try TestModel(checkpoint)
    let tolerance = GoldenCheckpointTests.tolerance
    for (prompt, chunk) in [(40, nil), (40, 7), (1, nil)] as [(Int, Int?)] {
      var cache = model.cache()
      let distances = expected.distances(try model.read(expected.tokens, prompt: prompt, chunk: chunk, into: &cache))
      #expect(distances.logits <= tolerance, "\(self), prompt \(prompt)", sourceLocation: place)
      #expect(distances.nll <= Double(tolerance), "\(self), prompt \(prompt)", sourceLocation: place)
    }
    var cache = model.cache()
    let new = try model.generate(16, after: expected.tokens, into: &cache)
    #expect(new == expected.greedy.newTokens, sourceLocation: place)
  }
}
