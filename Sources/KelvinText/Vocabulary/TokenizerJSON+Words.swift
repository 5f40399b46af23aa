extension TokenizerJSON {
  /// Recognises a pre-tokenizer by its steps.
  func preTokenizer() throws(TextError) -> PreTokenizer {
    let value = root["pre_tokenizer"] ?? .null
    let parts = value["type"] == "Sequence" ? value["pretokenizers"]?.array ?? [] : [value]
    let names = parts.prefix(8).map { $0["type"]?.string ?? "none" }.joined(separator: " + ")
    guard let last = parts.last, last["type"] == "ByteLevel" else { throw Self.unknown(names) }
    guard last["add_prefix_space"]?.boolean != true else { throw Self.unsupported("ByteLevel with add_prefix_space") }
    var steps: [WordStep] = []
    for part in parts.dropLast() { steps.append(try Self.step(part)) }
    if last["use_regex"]?.boolean ?? true { steps.append(.gpt2) }
    guard let rule = PreTokenizer.allCases.first(where: { $0.steps == steps }) else { throw Self.unknown(names) }
    return rule
  }

  private static func unknown(_ found: String) -> TextError {
    .unsupportedPreTokenizer(found: found, supported: PreTokenizer.allCases.map(\.rawValue))
  }

  /// Reads a step; one that no rule has is unknown.
  private static func step(_ part: JSONValue) throws(TextError) -> WordStep {
    let type = part["type"]?.string ?? "none"
    if type == "Digits", part["individual_digits"]?.boolean == true { return .number(longest: 1) }
    guard type == "Split" else { throw unknown(type) }
    let pattern = part["pattern"]?["Regex"]?.string ?? ""
    let isolates = part["behavior"] == "Isolated" && part["invert"]?.boolean != true
    let known = PreTokenizer.allCases.lazy.flatMap(\.steps).first { spelled($0.pattern) == spelled(pattern) }
    guard isolates, let known else { throw unknown("Split \(pattern.prefix(200))") }
    return known
  }

  /// A pattern by its bytes, with line breaks spelled out: some files have those as they are.
  private static func spelled(_ pattern: String) -> [UInt8] {
    pattern.utf8.flatMap { $0 == 10 ? Array(#"\n"#.utf8) : $0 == 13 ? Array(#"\r"#.utf8) : [$0] }
  }

  /// A step as files have it; GPT-2's words at the end are part of `ByteLevel` instead.
  static func step(_ step: WordStep) -> JSONValue {
    if step == .number(longest: 1) { return ["type": "Digits", "individual_digits": true] }
    return ["type": "Split", "pattern": ["Regex": .string(step.pattern)], "behavior": "Isolated", "invert": false]
  }
}
