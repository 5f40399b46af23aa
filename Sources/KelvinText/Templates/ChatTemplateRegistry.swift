/// The chat templates that have a name, for models whose files bring none.
public enum ChatTemplateRegistry {
  /// One line per template.
  public static let all: [NamedTemplate] = [
    NamedTemplate("chatml", "Qwen, SmolLM2, Hermes: <|im_start|>user", source: chatml),
    NamedTemplate("llama2", "Llama 2 Chat: [INST] with <<SYS>>", source: llama2),
    NamedTemplate("llama3", "Llama 3 Instruct: <|start_header_id|>user", source: llama3),
    NamedTemplate("gemma", "Gemma 1, 2 and 3: <start_of_turn>user", source: gemma),
    NamedTemplate("mistral", "Mistral Instruct: [INST] without <<SYS>>", source: mistral),
    NamedTemplate("phi3", "Phi-3: <|user|>, turns end with <|end|>", source: phi3),
    NamedTemplate("zephyr", "Zephyr, TinyLlama Chat: <|user|>, turns end with </s>", source: zephyr),
  ]

  /// The template of that name.
  public static func template(_ name: String) -> NamedTemplate? { all.first { $0.name == name } }
}

/// A chat template with a name.
public struct NamedTemplate: Sendable, Hashable {
  /// What options call it.
  public let name: String
  /// One line: whose it is, and what a turn looks like.
  public let summary: String
  /// The text, in Jinja.
  public let source: String

  init(_ name: String, _ summary: String, source: String) {
    (self.name, self.summary, self.source) = (name, summary, source)
  }
}
