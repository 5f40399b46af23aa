/// A policy as it is written: `NAME[:key=value,…]`, for example `h2o:budget=20%,recent=64`.
public struct PolicySpecification: Sendable, Hashable, CustomStringConvertible {
  /// The name of a policy.
  public var name: String
  /// Keys and values in the order written.
  public var options: [(key: String, value: String)] {
    get { storage.map { ($0.key, $0.value) } }
    set { storage = newValue.map { Pair(key: $0.key, value: $0.value) } }
  }
  private var storage: [Pair] = []

  private struct Pair: Sendable, Hashable {
    var key: String
    var value: String
  }

  /// A policy with every option at its default.
  public init(name: String) {
    self.name = name
  }

  /// Reads a specification; names and keys are checked when the policy is made.
  public init(_ text: String) throws(PolicyError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, !name.isEmpty else { throw .malformed(text) }
    self.name = String(name)
    guard parts.count == 2 else { return }
    for option in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
      let sides = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else { throw .malformed(text) }
      let key = String(sides[0])
      guard !storage.contains(where: { $0.key == key }) else { throw .repeated(policy: self.name, option: key) }
      storage.append(Pair(key: key, value: String(sides[1])))
    }
  }

  /// The value written for `key`; setting `nil` removes it.
  public subscript(key: String) -> String? {
    get { storage.first { $0.key == key }?.value }
    set {
      storage.removeAll { $0.key == key }
      if let newValue { storage.append(Pair(key: key, value: newValue)) }
    }
  }

  /// The same policy with every option written out, in the registry's order: equal where two specifications mean the same.
  /// - Throws: where the policy or an option does not exist.
  public func completed() throws(PolicyError) -> PolicySpecification {
    let entry = try PolicyRegistry.entry(of: self)
    let options = try PolicyOptions(self, of: entry)
    var completed = PolicySpecification(name: name)
    completed.options = entry.options.map { ($0.key, options.value($0.key)) }
    return completed
  }

  /// The specification as it is written.
  public var description: String {
    storage.isEmpty ? name : name + ":" + storage.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
  }
}

/// The options of one policy, checked against the keys it understands.
public struct PolicyOptions: Sendable {
  private let entry: PolicyEntry
  private let specification: PolicySpecification

  init(_ specification: PolicySpecification, of entry: PolicyEntry) throws(PolicyError) {
    for (key, value) in specification.options {
      guard let option = entry.options.first(where: { $0.key == key }) else {
        throw .unknownOption(policy: entry.name, option: key, known: entry.options.map(\.key))
      }
      guard option.choices.isEmpty || option.choices.contains(value) else {
        throw .impossible(policy: entry.name, option: key, found: value, expected: option.values)
      }
    }
    self.entry = entry
    self.specification = specification
  }

  /// The value written for `key`, or its default.
  func value(_ key: String) -> String {
    specification[key] ?? entry.options.first { $0.key == key }?.defaultValue ?? ""
  }

  func budget() throws(PolicyError) -> Budget {
    guard let budget = Budget(value("budget")) else { throw impossible("budget") }
    return budget
  }

  /// A count; `nil` where the value is the word that stands for the default rule.
  func count(_ key: String) throws(PolicyError) -> Int? {
    if let count = Int(value(key)), (0...Budget.mostEntries).contains(count) { return count }
    guard specification[key] == nil || specification[key] == entry.options.first(where: { $0.key == key })?.defaultValue
    else { throw impossible(key) }
    return nil
  }

  /// A count that has no word for a default rule.
  func count(_ key: String, atLeast least: Int, atMost most: Int = Budget.mostEntries) throws(PolicyError) -> Int {
    guard let count = Int(value(key)), count >= least, count <= most else { throw impossible(key) }
    return count
  }

  /// A seed: any 64-bit number.
  func seed() throws(PolicyError) -> UInt64 {
    guard let seed = UInt64(value("seed")) else { throw impossible("seed") }
    return seed
  }

  /// A number between 0 and 1.
  func share(_ key: String, allowsZero: Bool = true) throws(PolicyError) -> Double {
    guard let share = Double(value(key)), share <= 1, allowsZero ? share >= 0 : share > 0 else { throw impossible(key) }
    return share
  }

  /// Numbers joined by `+`, or `none`.
  func numbers(_ key: String) throws(PolicyError) -> Set<Int> {
    guard value(key) != "none" else { return [] }
    var numbers: Set<Int> = []
    for part in value(key).split(separator: "+", omittingEmptySubsequences: false) {
      guard let number = Int(part), number >= 0 else { throw impossible(key) }
      numbers.insert(number)
    }
    return numbers
  }

  func choice<Choice: RawRepresentable<String>>(_ key: String) throws(PolicyError) -> Choice {
    guard let choice = Choice(rawValue: value(key)) else { throw impossible(key) }
    return choice
  }

  /// The error for a value that cannot be.
  func impossible(_ key: String, expected: String? = nil) -> PolicyError {
    let possible = expected ?? entry.options.first { $0.key == key }?.values ?? ""
    return .impossible(policy: entry.name, option: key, found: value(key), expected: possible)
  }
}

/// Why a policy cannot be made.
public enum PolicyError: Error, Hashable, CustomStringConvertible {
  case malformed(String)
  case unknownPolicy(String, known: [String])
  case unknownOption(policy: String, option: String, known: [String])
  case repeated(policy: String, option: String)
  case impossible(policy: String, option: String, found: String, expected: String)

  /// The error in one sentence.
  public var description: String {
    switch self {
    case .malformed(let text):
      "policy '\(text)': expected NAME or NAME:key=value,key=value"
    case .unknownPolicy(let name, let known):
      "policy '\(name)' does not exist; known: \(known.joined(separator: ", "))"
    case .unknownOption(let policy, let option, let known):
      "policy '\(policy)': option '\(option)' does not exist; "
        + (known.isEmpty ? "it has none" : "known: \(known.joined(separator: ", "))")
    case .repeated(let policy, let option):
      "policy '\(policy)': option '\(option)' is given twice"
    case .impossible(let policy, let option, let found, let expected):
      "policy '\(policy)': \(option)=\(found) is not possible, expected \(expected)"
    }
  }
}
