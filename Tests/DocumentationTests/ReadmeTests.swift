import Foundation
import KelvinPolicies
import Testing

@Suite("The README and the changelog know every policy")
struct ReadmeTests {
  @Test("the README's table is what the registry says")
  func table() throws {
    let readme = try Documents.text("README.md")
    let parts = readme.components(separatedBy: "<!-- policies -->\n")
    try #require(parts.count == 2)
    let found = try #require(parts[1].components(separatedBy: "<!-- /policies -->").first)
    #expect(found == Self.expected, "README.md: between the policies' markers there should be:\n\(Self.expected)")
  }

  @Test("the README names every option that comes with a wrapper")
  func wrappers() throws {
    let readme = try Documents.text("README.md")
    for option in try Documents.wrapperOptions() { #expect(readme.contains("`\(option.key)=")) }
  }

  @Test("the changelog names every policy", arguments: PolicyRegistry.all.map(\.name))
  func changelog(_ name: String) throws {
    #expect(try Documents.text("CHANGELOG.md").contains("`\(name)`"), "CHANGELOG.md: `\(name)` is missing")
  }

  /// The table as the registry would write it.
  static var expected: String {
    let head = "| policy | what stays | acts | paper |\n|---|---|---|---|\n"
    return PolicyRegistry.all.reduce(head) { table, entry in
      table + "| `\(entry.name)` | \(entry.summary) | \(entry.acts) | \(entry.paper) |\n"
    }
  }
}
