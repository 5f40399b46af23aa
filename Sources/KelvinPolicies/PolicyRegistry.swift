/// The policies that exist.
///
/// Help, lists, tests over all policies and the README's table follow from this list.
public enum PolicyRegistry {
  /// One line per policy.
  public static let all: [PolicyEntry] = [
    Full.entry,
    H2O.entry,
    StreamingLLM.entry,
    Scissorhands.entry,
    VATP.entry,
    CriticalKV.entry,
    FastGen.entry,
    KeyNorm.entry,
    KeyDiff.entry,
    SnapKV.entry,
    TOVA.entry,
    ExpectedAttention.entry,
    Window.entry,
    RandomChoice.entry,
  ]

  /// Makes the policy that a specification names.
  /// - Throws: `PolicyError` that names the policy or option, what was found and what is possible.
  public static func make(_ specification: PolicySpecification) throws(PolicyError) -> any CachePolicy {
    let entry = try entry(of: specification)
    return try entry.make(PolicyOptions(specification, of: entry))
  }

  static func entry(of specification: PolicySpecification) throws(PolicyError) -> PolicyEntry {
    guard let entry = all.first(where: { $0.name == specification.name }) else {
      throw .unknownPolicy(specification.name, known: all.map(\.name))
    }
    return entry
  }
}

/// What the registry knows of a policy.
public struct PolicyEntry: Sendable {
  /// The name in a specification.
  public let name: String
  /// One line that says what stays.
  public let summary: String
  /// Authors, year and arXiv number.
  public let paper: String
  /// The keys that may be written after the name.
  public let options: [PolicyOption]
  /// When it acts, in words.
  public let acts: String
  let make: @Sendable (PolicyOptions) throws(PolicyError) -> any CachePolicy

  init(
    name: String, summary: String, paper: String, options: [PolicyOption], acts: String,
    make: @escaping @Sendable (PolicyOptions) throws(PolicyError) -> any CachePolicy
  ) {
    self.name = name
    self.summary = summary
    self.paper = paper
    self.options = options
    self.acts = acts
    self.make = make
  }

  /// A line for a policy that is a score: the options of `ScoringWrappers` come with it.
  static func scoring(
    name: String, summary: String, paper: String, options: [PolicyOption], acts: String,
    make: @escaping @Sendable (PolicyOptions) throws(PolicyError) -> some ScoringPolicy
  ) -> PolicyEntry {
    PolicyEntry(
      name: name, summary: summary, paper: paper, options: options + ScoringWrappers.options, acts: acts
    ) { options throws(PolicyError) in
      try ScoringWrappers.wrap(try make(options), options)
    }
  }

  /// The policy with every option at its default.
  public func makeDefault() throws(PolicyError) -> any CachePolicy {
    try make(PolicyOptions(PolicySpecification(name: name), of: self))
  }
}

/// One key that a policy understands.
public struct PolicyOption: Sendable, Hashable {
  /// The word before `=`.
  public let key: String
  /// What may stand after `=`, for help and errors.
  public let values: String
  /// The value that is meant when the key is absent.
  public let defaultValue: String
  /// What the value means, for help.
  public let help: String
  /// The possible values where they can be listed.
  let choices: [String]

  init(key: String, values: String, default defaultValue: String, help: String, choices: [String] = []) {
    self.key = key
    self.values = values
    self.defaultValue = defaultValue
    self.help = help
    self.choices = choices
  }

  static func budget(default value: String) -> PolicyOption {
    PolicyOption(key: "budget", values: Budget.spellings, default: value, help: "what every head may keep")
  }
  static func recent(default value: String, _ help: String) -> PolicyOption {
    PolicyOption(key: "recent", values: "a count or \(value)", default: value, help: help)
  }
  static func sinks(default value: String) -> PolicyOption {
    PolicyOption(key: "sinks", values: "a count", default: value, help: "first tokens that always stay")
  }
  static func positions(_ choices: [String]) -> PolicyOption {
    PolicyOption(
      key: "positions", values: choices.joined(separator: ", "), default: choices[0],
      help: "where kept entries stand: where they were born, or closing ranks", choices: choices)
  }
  static let when = PolicyOption(
    key: "when", values: "prefill, decode, both", default: "both", help: "when entries may leave",
    choices: When.allCases.map(\.rawValue))
}
