import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import Testing

/// A file or folder of `Fixtures/malformed`, and what must become of it.
struct MalformedCase: Decodable, Sendable, CustomTestStringConvertible {
  enum Expectation: String, Decodable {
    case reject, accept, either
  }

  var path: String
  var format: String
  var category: String
  var wrong: String
  var expect: Expectation

  var testDescription: String { "\(path): \(wrong)" }
  var url: String { Fixtures.path("malformed/" + path) }

  static let all: [MalformedCase] = {
    struct Manifest: Decodable {
      var entries: [MalformedCase]
    }
    return (try? Fixtures.json("malformed/manifest.json", as: Manifest.self))?.entries ?? []
  }()
}

@Suite("Malformed files")
struct MalformedFilesTests {
  @Test("the set is complete")
  func complete() {
    #expect(MalformedCase.all.count == 241)
  }

  @Test("each is loaded or refused as it must be, at once and in one line", arguments: MalformedCase.all)
  func answer(_ example: MalformedCase) throws {
    var refusal: (any Error)?
    let time = ContinuousClock().measure {
      do {
        let checkpoint = try CheckpointReader.read(path: example.url)
        // A lone safetensors file does not say what model it is; there is no more to check.
        if example.format != "safetensors" {
          try DecoderFamily.llama.configuration(of: checkpoint).validate(checkpoint)
        }
      } catch {
        refusal = error
      }
    }
    #expect(time < .seconds(2))
    switch example.expect {
    case .reject: #expect(refusal != nil)
    case .accept: #expect(refusal == nil)
    case .either: break
    }
    guard let refusal else { return }
    let message = "\(refusal)"
    let name = example.path.split(separator: "/").last.map(String.init) ?? example.path
    #expect(message.contains(name), "\(message)")
    #expect(!message.contains { $0.isNewline }, "\(message)")
    #expect(message.count < 600, "\(message)")
    #expect(refusal is CheckpointError || refusal is ModelError)
  }
}
