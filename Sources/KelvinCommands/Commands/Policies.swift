import ArgumentParser
import KelvinPolicies

/// `kelvin policies`: what may decide which entries stay.
struct Policies: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists the cache policies with their options.",
    discussion: """
      A policy is written NAME or NAME:key=value,key=value, for example
        kelvin generate -m model.gguf -p "Once" --kv-policy h2o:budget=20%,recent=64
      """)

  @Argument(help: "A policy's name. (default: all)")
  var name: String?
  @Flag(help: "Print a JSON list.")
  var json = false

  func run() async throws {
    try await reporting {
      let known = PolicyRegistry.all
      let chosen = known.filter { name == nil || $0.name == name }
      guard !chosen.isEmpty else {
        throw Failure(
          PolicyError.unknownPolicy(name ?? "", known: known.map(\.name)).description, code: SystemExit.usage)
      }
      let listings = try chosen.map { Listing($0, records: try $0.makeDefault().records.names) }
      if json {
        try Output.json(listings)
      } else {
        Terminal.write(listings.map(\.text).joined(separator: "\n"))
      }
    }
  }
}

/// A policy as it is printed.
private struct Listing: Encodable {
  struct Option: Encodable {
    var key: String
    var values: String
    var `default`: String
    var help: String
  }

  var name: String
  var summary: String
  var paper: String
  var acts: String
  var records: [String]
  var options: [Option]

  init(_ entry: PolicyEntry, records: [String]) {
    name = entry.name
    summary = entry.summary
    paper = entry.paper
    acts = entry.acts
    self.records = records
    options = entry.options.map { Option(key: $0.key, values: $0.values, default: $0.defaultValue, help: $0.help) }
  }

  var text: String {
    var lines = [
      "\(name): \(summary)",
      "  paper    \(paper)",
      "  acts     \(acts)",
      "  records  \(records.isEmpty ? "nothing" : records.joined(separator: ", "))",
    ]
    for option in options {
      lines.append("  \(option.key)=\(option.default)".padding(to: 26) + option.help)
      lines.append("".padding(to: 26) + option.values)
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
