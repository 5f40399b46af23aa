import Foundation
import KelvinCheckpoints
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// SmolLM2-135M-Instruct as Q4_1, which is too large to keep beside the tests.
enum RealModel {
  /// `KELVIN_MODEL`, or the file in the folder where the `kelvin` command keeps its models.
  static let path: String? = {
    let environment = ProcessInfo.processInfo.environment
    let home = FileManager.default.homeDirectoryForCurrentUser.path
    let cache = environment["XDG_CACHE_HOME"] ?? home + "/.cache"
    let places = [environment["KELVIN_MODEL"], cache + "/kelvin/SmolLM2-135M-Instruct.Q4_1.gguf"]
    return places.compactMap(\.self).first {
      $0.hasSuffix("SmolLM2-135M-Instruct.Q4_1.gguf") && FileManager.default.fileExists(atPath: $0)
    }
  }()

  /// Skips a test where the model is not there: tests download nothing.
  static let isThere = ConditionTrait.enabled(
    if: path != nil,
    "needs SmolLM2-135M-Instruct.Q4_1.gguf in the cache folder 'kelvin', or KELVIN_MODEL set to its path")

  /// Weights and activations as 32-bit floats.
  nonisolated(unsafe) static let exact = Result { try model(exact: true) }
  /// Weights as in the file, activations as int8 in blocks of 32.
  nonisolated(unsafe) static let fast = Result { try model(exact: false) }

  private static func model(exact: Bool) throws -> TestModel {
    try TestModel(CheckpointReader.read(path: try #require(path)), exact: exact, threads: 2)
  }
}

/// All tests of the real model; one after another, because they share its processor.
@Suite("SmolLM2-135M-Instruct computes what the references compute", .serialized, RealModel.isThere)
enum SmolLM2Tests {}
