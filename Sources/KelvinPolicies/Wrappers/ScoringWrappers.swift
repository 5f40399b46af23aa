/// The options that every policy with a score understands, and the wrappers they stand for.
///
/// A wrapper is a policy around a policy; they nest in a fixed order: protection, layers, heads, pace.
enum ScoringWrappers {
  static let options = [
    PolicyOption(
      key: "protect", values: "special, punctuation, newline, prompt, joined by +, or none", default: "none",
      help: "tokens that stay before any score is looked at"),
    PolicyOption(
      key: "layers", values: "even, pyramid", default: "even",
      help: "the same budget for every layer, or more for the first ones", choices: ["even", "pyramid"]),
    PolicyOption(
      key: "heads", values: "even, adaptive", default: "even",
      help: "the same budget for every head, or shared out inside a layer by score", choices: ["even", "adaptive"]),
    PolicyOption(key: "every", values: "a count", default: "1", help: "steps between two reviews in decode"),
  ]

  static func wrap(_ policy: some ScoringPolicy, _ options: PolicyOptions) throws(PolicyError) -> any CachePolicy {
    guard let protection = Protection(options.value("protect")) else { throw options.impossible("protect") }
    // Closing ranks is exact only while a head holds the sinks and one window without gaps, the same in every head.
    if policy.places != .original {
      guard protection.isEmpty else { throw options.impossible("protect", expected: "none, as entries close ranks") }
      guard options.value("heads") == "even" else {
        throw options.impossible("heads", expected: "even, as entries close ranks")
      }
    }
    return try protection.isEmpty
      ? layers(policy, options) : layers(Protecting(policy, protection), options)
  }

  private static func layers(
    _ policy: some ScoringPolicy, _ options: PolicyOptions
  ) throws(PolicyError) -> any CachePolicy {
    try options.value("layers") == "pyramid" ? heads(Pyramid(policy), options) : heads(policy, options)
  }

  private static func heads(
    _ policy: some ScoringPolicy, _ options: PolicyOptions
  ) throws(PolicyError) -> any CachePolicy {
    try options.value("heads") == "adaptive" ? pace(AdaptiveHeads(policy), options) : pace(policy, options)
  }

  private static func pace(
    _ policy: some CachePolicy, _ options: PolicyOptions
  ) throws(PolicyError) -> any CachePolicy {
    let every = try options.count("every", atLeast: 1)
    return every > 1 ? Periodic(policy, every: every) : policy
  }
}
