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
  /// DeepSeek-V2 and DeepSeek LLM: letters with case, punctuation, white space at the end, eastern scripts, numbers.
  case deepSeekLLM = "deepseek-llm"
  /// DeepSeek Coder: as DeepSeek LLM with all letters and all punctuation of Unicode.
  case deepSeekCoder = "deepseek-coder"
  /// DeepSeek-V3 and R1: numbers in groups of three, ideographs and kana, then much as Llama 3 with marks in words.
  case deepSeekV3 = "deepseek-v3"

  /// Finds the rule that GGUF's `tokenizer.ggml.pre` names, under the names of models that share it too.
  ///
  /// Errors: `unsupportedPreTokenizer`, which lists what exists.
  public init(ggufName: String) throws(TextError) {
    switch ggufName {
    case "gpt2", "gpt-2", "mpt", "olmo", "phi-2", "jais": self = .gpt2
    case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone": self = .smollm
    case "llama-bpe", "llama3", "llama-v3", "dbrx", "smaug-bpe": self = .llamaBPE
    case "qwen2", "stablelm2", "deepseek-r1-qwen", "hunyuan", "megrez": self = .qwen2
    case "deepseek-llm": self = .deepSeekLLM
    case "deepseek-coder": self = .deepSeekCoder
    case "deepseek-v3", "hunyuan-dense", "joyai-llm": self = .deepSeekV3
    default:
      throw .unsupportedPreTokenizer(found: ggufName, supported: Self.allCases.map(\.rawValue))
    }
  }

  /// The rule as GGUF's `tokenizer.ggml.pre` names it.
  public var ggufName: String { self == .gpt2 ? "gpt-2" : rawValue }

  /// What is done to a text, one step after another.
  var steps: [WordStep] {
    switch self {
    case .gpt2: [.gpt2]
    case .smollm: [.number(longest: 1), .gpt2]
    case .llamaBPE: [.modern(longestNumber: 3)]
    case .qwen2: [.modern(longestNumber: 1)]
    case .deepSeekLLM:
      [
        .lineBreak, .run(.casedLetters, takesSpace: true), .run(.punctuation, takesSpace: true), .lastSpace,
        .run(.eastern, takesSpace: false), .number(longest: 1),
      ]
    case .deepSeekCoder:
      [.lineBreak, .letters, .punctuation, .run(.eastern, takesSpace: false), .number(longest: 1)]
    case .deepSeekV3: [.number(longest: 3), .run(.ideographsAndKana, takesSpace: false), .deepSeekV3]
    }
  }
}
