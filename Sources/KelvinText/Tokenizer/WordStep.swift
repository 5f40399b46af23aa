/// One step of a pre-tokenizer: an expression that is looked for in every piece that the step before left.
///
/// What it matches is a piece of its own, and so is what lies between two matches.
enum WordStep: Hashable, Sendable {
  /// `[\r\n]`
  case lineBreak
  /// `\p{N}{1,n}`
  case number(longest: Int)
  /// `\s?[class]+`, or without the space in front.
  case run(ScalarRanges, takesSpace: Bool)
  /// `\s?\p{L}+`
  case letters
  /// `\s?\p{P}+`
  case punctuation
  /// `\s+$`: white space at the end of a piece.
  case lastSpace
  /// A word of GPT-2.
  case gpt2
  /// A word of Llama 3 and Qwen 2, whose numbers have at most n digits.
  case modern(longestNumber: Int)
  /// A word of DeepSeek-V3.
  case deepSeekV3

  /// The regular expression, as tokenizer files spell it.
  var pattern: String {
    switch self {
    case .lineBreak: "[\r\n]"
    case .number(1): #"\p{N}"#
    case .number(let longest): #"\p{N}{1,\#(longest)}"#
    case .run(let scalars, let takesSpace): (takesSpace ? #"\s?"# : "") + "[\(scalars.text)]+"
    case .letters: #"\s?\p{L}+"#
    case .punctuation: #"\s?\p{P}+"#
    case .lastSpace: #"\s+$"#
    case .gpt2: #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case .modern(let longest):
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + Self.number(longest: longest).pattern
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    case .deepSeekV3:
      ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\##r\##n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"##
        + ##" ?[\p{P}\p{S}]+[\##r\##n]*|\s*[\##r\##n]+|\s+(?!\S)|\s+"##
    }
  }
}
