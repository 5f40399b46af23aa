import Foundation
import KelvinPolicies
import TestSupport
import Testing

/// What a reference implementation of the policies measured on one text.
struct PolicyGolden: Decodable {
  var ids: [Int32]
  /// The first so many ids are read as a prompt, the rest one by one.
  var prompt: Int
  /// Of each id, as `EntryKind` numbers them.
  var kinds: [UInt8]
  var runs: [Run]

  struct Run: Decodable {
    var policy: String
    var options: [String: Option]
    var positions: String
    /// For each token after the prompt.
    var nll: [Double]
    /// For some reviews, the positions that each head keeps.
    ///
    /// One string where all heads keep the same; `Fixtures/smollm2/make_fixtures.py` says how. Review 0 follows the
    /// prompt, review `i` step `i`.
    var kept: [String: [String]]

    /// The policy as it is written here.
    var specification: PolicySpecification {
      var specification = PolicySpecification(name: policy)
      specification.options = options.filter { $0.key != "prompt_only" }.sorted { $0.key < $1.key }
        .map { ($0.key, $0.value.text) }
      if options["prompt_only"] != nil { specification["when"] = "prefill" }
      if policy == "streaming" || policy == "window" { specification["positions"] = positions }
      return specification
    }

    /// The positions that the heads of all layers keep after review `number`; `nil` where not recorded.
    func kept(review number: Int) -> [Set<Int32>]? { kept["\(number)"].map { $0.map(PolicyGolden.positions) } }
  }

  /// The positions that a string of hexadecimal digits stands for.
  static func positions(_ digits: String) -> Set<Int32> {
    var positions: Set<Int32> = []
    for (index, digit) in digits.enumerated() {
      let bits = digit.hexDigitValue ?? 0
      for bit in 0..<4 where bits >> bit & 1 == 1 { positions.insert(Int32(index * 4 + bit)) }
    }
    return positions
  }

  /// The value of an option: a number, a word, a list of layers, or a mark.
  enum Option: Decodable {
    case integer(Int)
    case number(Double)
    case word(String)
    case layers([Int])
    case mark

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let integer = try? container.decode(Int.self) {
        self = .integer(integer)
      } else if let number = try? container.decode(Double.self) {
        self = .number(number)
      } else if let layers = try? container.decode([Int].self) {
        self = .layers(layers)
      } else if (try? container.decode(Bool.self)) != nil {
        self = .mark
      } else {
        self = .word(try container.decode(String.self))
      }
    }

    var text: String {
      switch self {
      case .integer(let value): "\(value)"
      case .number(let value): "\(value)"
      case .word(let value): value
      case .layers(let value): value.isEmpty ? "none" : value.map(String.init).joined(separator: "+")
      case .mark: ""
      }
    }
  }

  init(_ name: String) throws { self = try Fixtures.json("smollm2/policies/\(name).json") }
}

/// A golden's run, by name, for the arguments of tests.
struct GoldenRun: Sendable, CustomTestStringConvertible {
  var golden: String
  var run: Int
  var testDescription: String

  /// The runs of `goldens`.
  static func all(_ goldens: String...) -> [GoldenRun] {
    goldens.flatMap { name in
      // A golden that cannot be read leaves no runs; the first test of the suite counts them.
      let runs = (try? PolicyGolden(name).runs) ?? []
      return runs.enumerated().map { index, run in
        GoldenRun(golden: name, run: index, testDescription: "\(name), \(run.specification)")
      }
    }
  }

  func load() throws -> (PolicyGolden, PolicyGolden.Run) {
    let golden = try PolicyGolden(self.golden)
    return (golden, golden.runs[run])
  }
}
