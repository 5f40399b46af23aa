import Foundation
import KelvinAttention
import KelvinEngine
import KelvinModels
import KelvinTensors
import Testing

@Suite("ModelInspection")
struct ModelInspectionTests {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/llama-gqa").path

  @Test("says sizes, layout and formats of a folder")
  func folderWithWeights() throws {
    let inspection = try ModelInspection(path: folder)
    let model = inspection.description
    #expect(model.architecture == "llama")
    #expect(model.layers == 3)
    #expect(model.queryHeads == 4)
    #expect(model.layout.stores.map(\.heads) == [2, 2, 2])
    #expect(model.layout.stores[0].keyWidth == 16)
    #expect(model.contextLength == 256)
    #expect(model.parameters == 320 * 64 + model.innerParameters)
    #expect(inspection.tensors.map(\.format) == [.f32])
    #expect(inspection.tensors.map(\.count) == [29])
    #expect(inspection.weightBytes == model.parameters * 4)
    #expect(inspection.tokenizer == nil)
    #expect(inspection.chatTemplate == nil)
  }

  @Test("says the same of a configuration alone, without weights")
  func configurationAlone() throws {
    let inspection = try ModelInspection(configuration: folder + "/config.json")
    #expect(inspection.description == (try ModelInspection(path: folder)).description)
    #expect(inspection.tensors.isEmpty)
    #expect(inspection.weightBytes == 0)
  }

  @Test("a file that is not there is missing, not damaged", arguments: ["nothing.gguf", "nothing.json"])
  func missing(name: String) {
    #expect {
      _ =
        name.hasSuffix("json")
        ? try ModelInspection(configuration: folder + "/" + name) : try ModelInspection(path: folder + "/" + name)
    } throws: { error in
      if case .unreadableModel(_, true)? = error as? EngineError { true } else { false }
    }
  }

  @Test("a model without a tokenizer is refused by name where one is needed")
  func noTokenizer() {
    #expect(throws: EngineError.noTokenizer(model: "llama-gqa")) { try LoadedModel.tokenizer(path: folder) }
  }
}
