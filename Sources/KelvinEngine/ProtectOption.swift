public import KelvinPolicies

extension PolicySpecification {
  /// Writes `sinks:4,recent:64,special,punctuation,newline,prompt`, or some of these, as the options that mean it.
  /// - Throws: `EngineError.invalidOption` that names the part, and what this policy can protect.
  public mutating func protect(_ text: String) throws(EngineError) {
    let known = PolicyRegistry.all.first { $0.name == name }?.options.map(\.key)
    var kinds: [String] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      let key = String(sides.first ?? "")
      let isCounted = Self.countedParts.contains(key)
      guard isCounted || Self.kindParts.contains(key), sides.count == (isCounted ? 2 : 1) else {
        throw .invalidOption(option: "kv-protect", found: "'\(part)'", expected: Self.spelling(known: nil))
      }
      guard known?.contains(isCounted ? key : "protect") ?? true else {
        throw .invalidOption(
          option: "kv-protect", found: "'\(part)' with policy '\(name)'", expected: Self.spelling(known: known))
      }
      if isCounted { self[key] = String(sides[1]) } else { kinds.append(key) }
    }
    if !kinds.isEmpty { self["protect"] = kinds.joined(separator: "+") }
  }

  private static let countedParts = ["sinks", "recent"]
  private static let kindParts = ["special", "punctuation", "newline", "prompt"]

  /// What may be written for a policy that understands the options `known`; `nil`: for any.
  private static func spelling(known: [String]?) -> String {
    let counted = countedParts.filter { known?.contains($0) ?? true }.map { "\($0):N" }
    let kinds = known?.contains("protect") ?? true ? kindParts : []
    return counted.isEmpty && kinds.isEmpty
      ? "another policy, as this one protects nothing" : (counted + kinds).joined(separator: ", ")
  }
}
