import Foundation
import KelvinEngine
import KelvinPolicies
import TestSupport

/// Engines for a Llama of random weights, 3 layers, a vocabulary of 320 and a context of 256 tokens.
enum TinyEngine {
  /// One that works on token ids.
  static func make() async throws -> Engine { try await Engine(path: Fixtures.path("llama-gqa"), options: options) }

  /// One with a tokenizer and a chat template.
  static func withChat<Result>(_ body: (Engine) async throws -> Result) async throws -> Result {
    try await withFolderOfChat { folder in try await body(try await Engine(path: folder.path, options: options)) }
  }

  /// The folder of a model with a tokenizer and a chat template.
  static func withFolderOfChat<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
    try await Fixtures.withFolder { folder in
      for name in ["config.json", "model.safetensors"] {
        try FileManager.default.copyItem(
          at: Fixtures.folder.appendingPathComponent("llama-gqa/\(name)"), to: folder.appendingPathComponent(name))
      }
      try tokenizer.write(to: folder.appendingPathComponent("tokenizer.json"))
      try Data(configuration.utf8).write(to: folder.appendingPathComponent("tokenizer_config.json"))
      return try await body(folder)
    }
  }

  static let vocabulary = 320
  /// The token that ends an answer.
  static let end: Int32 = 2
  /// The tokens of `a` to `e`.
  static let letters: [Int32] = (97..<102).map { 3 + $0 }

  static func prompt(_ count: Int, seed: UInt64 = 1) -> [Int32] {
    var numbers = SeededNumbers(seed: seed)
    return numbers.tokens(count, vocabulary: vocabulary)
  }

  static func cache(_ policy: String) throws -> CacheOptions {
    var options = CacheOptions()
    options.policy = try PolicySpecification(policy)
    return options
  }

  private static var options: Engine.Options {
    var options = Engine.Options()
    options.threads = 1
    options.isExact = true
    return options
  }

  private static let configuration = #"""
    {"eos_token": "<|im_end|>", "chat_template": "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"}
    """#

  /// Three special tokens, then every byte.
  private static var tokenizer: Data {
    get throws {
      let special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
      var vocabulary = Dictionary(uniqueKeysWithValues: special.enumerated().map { ($1, $0) })
      var next: UInt32 = 0x100
      for byte in 0..<256 {
        let isPrintable = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
        let scalar = isPrintable ? UInt32(byte) : next
        if !isPrintable { next += 1 }
        vocabulary[Unicode.Scalar(scalar).map { String($0) } ?? ""] = 3 + byte
      }
      let added: [[String: Any]] = special.enumerated().map { ["id": $0, "content": $1, "special": true] }
      return try JSONSerialization.data(withJSONObject: [
        "model": ["type": "BPE", "vocab": vocabulary, "merges": [String]()] as [String: Any],
        "added_tokens": added, "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true],
      ])
    }
  }
}

/// What came out of a stream of events.
struct Collected {
  var tokens: [Int32] = []
  var text = ""
  var result: GenerationResult?

  /// Takes all events; `onToken` is called with the number of tokens so far.
  init(
    _ stream: AsyncThrowingStream<GenerationEvent, any Error>, onToken: (Int) -> Void = { _ in }
  ) async throws {
    for try await event in stream {
      switch event {
      case .reading: break
      case .token(let token, let text):
        tokens.append(token)
        self.text += text
        onToken(tokens.count)
      case .finished(let result): self.result = result
      }
    }
  }
}
