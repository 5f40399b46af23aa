/// The rule by which a byte-level tokenizer cuts text into words before it merges.
public enum PreTokenizer: String, Sendable, Hashable, CaseIterable {
  /// GPT-2: contractions, letters, numbers, signs, white space.
  case gpt2
  /// SmolLM: every number character alone, then as GPT-2.
  case smollm
  /// Llama 3: numbers in groups of three, one sign may lead a word, line breaks stay with signs.
  case llamaBPE = "llama-bpe"
  /// Qwen 2: as Llama 3 with every number character alone.
  case qwen2

  /// Finds the rule that GGUF's `tokenizer.ggml.pre` names, under the names of models that share it too.
  ///
  /// Errors: `unsupportedPreTokenizer`, which lists what exists.
  public init(ggufName: String) throws(TextError) {
    switch ggufName {
    case "gpt2", "gpt-2", "mpt", "olmo", "phi-2", "jais": self = .gpt2
    case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone": self = .smollm
    case "llama-bpe", "llama3", "llama-v3", "dbrx", "smaug-bpe": self = .llamaBPE
    case "qwen2", "stablelm2", "deepseek-r1-qwen", "hunyuan", "megrez": self = .qwen2
    default:
      throw .unsupportedPreTokenizer(found: ggufName, supported: Self.allCases.map(\.rawValue))
    }
  }

  /// The published regular expression of the rule, as tokenizer files spell it; `nil` where there are two steps.
  var pattern: String? {
    switch self {
    case .gpt2: #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case .smollm: nil
    case .llamaBPE: Self.modernPattern(number: #"\p{N}{1,3}"#)
    case .qwen2: Self.modernPattern(number: #"\p{N}"#)
    }
  }

  private static func modernPattern(number: String) -> String {
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + number
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }
}
