import Foundation
import KelvinPolicies
import Testing

@Suite("Every policy, wrapper and library has its page")
struct PageTests {
  static let order = ["Idea", "Formula", "Columns", "Options", "Cost", "Measured effect", "Paper"]

  /// The page of a policy, which has the name of its type.
  private func page(of entry: PolicyEntry) throws -> (name: String, text: String) {
    let type = String(describing: Swift.type(of: try entry.makeDefault()))
    return (type, try Documents.text("\(Documents.policies)/\(type).md"))
  }

  @Test("idea, formula, columns, options, cost, measured effect, paper", arguments: PolicyRegistry.all.map(\.name))
  func headings(_ name: String) throws {
    let entry = try #require(PolicyRegistry.all.first { $0.name == name })
    let page = try page(of: entry)
    #expect(page.text.hasPrefix("# ``\(page.name)``\n"))
    #expect(Documents.headings(page.text) == Self.order)
  }

  @Test("a page has every option of its policy with its default", arguments: PolicyRegistry.all.map(\.name))
  func options(_ name: String) throws {
    let entry = try #require(PolicyRegistry.all.first { $0.name == name })
    let page = try page(of: entry)
    let wrappers = Set(try Documents.wrapperOptions().map(\.key))
    for option in entry.options where !wrappers.contains(option.key) {
      #expect(page.text.contains("| `\(option.key)` | `\(option.defaultValue)` | "), "\(page.name): \(option.key)")
    }
    for key in wrappers where entry.options.contains(where: { $0.key == key }) {
      #expect(!page.text.contains("| `\(key)` |"), "\(page.name): \(key) belongs to Wrappers.md")
    }
    if !entry.options.isEmpty { #expect(page.text.contains("`\(name):"), "\(page.name): how it is written") }
  }

  @Test("a page names the columns that its policy asks for, and its paper", arguments: PolicyRegistry.all.map(\.name))
  func facts(_ name: String) throws {
    let entry = try #require(PolicyRegistry.all.first { $0.name == name })
    let page = try page(of: entry)
    let columns = page.text.components(separatedBy: "## Columns\n").last?.components(separatedBy: "\n## ").first ?? ""
    for column in try entry.makeDefault().records.names { #expect(columns.contains("`\(column)`"), "\(page.name)") }
    let number = entry.paper.components(separatedBy: "arXiv ")
    if number.count == 2 { #expect(page.text.contains("arXiv \(number[1])"), "\(page.name)") }
  }

  @Test("what is measured stands below the command that prints it, and every row has all its numbers")
  func measured() throws {
    let types = try PolicyRegistry.all.map { try page(of: $0).name } + Documents.wrappers
    for type in types {
      let page = try Documents.text("\(Documents.policies)/\(type).md")
      let measured = page.components(separatedBy: "## Measured effect\n").last ?? ""
      let section = measured.components(separatedBy: "\n## ").first ?? ""
      #expect(section.contains("| kelvin score -m "), "\(type): no command")
      let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `--kv-") }
      #expect(type == "Full" || !rows.isEmpty, "\(type): no rows")
      for row in rows {
        let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(cells.count == 5 && cells.allSatisfy { !$0.isEmpty }, "\(type): \(row)")
      }
    }
  }

  @Test("the wrappers' page has every option of theirs and its default")
  func wrappers() throws {
    let page = try Documents.text("\(Documents.policies)/Wrappers.md")
    let options = try Documents.wrapperOptions()
    #expect(options.map(\.key) == ["protect", "layers", "heads", "every"])
    for option in options { #expect(page.contains("| `\(option.key)` | `\(option.defaultValue)` | "), "\(option.key)") }
    for wrapper in Documents.wrappers {
      #expect(page.contains("``\(wrapper)``"), "\(wrapper)")
      let own = try Documents.text("\(Documents.policies)/\(wrapper).md")
      #expect(own.hasPrefix("# ``\(wrapper)``\n") && Documents.headings(own) == Self.order, "\(wrapper)")
    }
  }

  @Test("the landing page of the policies leads to every page")
  func topics() throws {
    let landing = try Documents.text("\(Documents.policies)/KelvinPolicies.md")
    for entry in PolicyRegistry.all {
      #expect(landing.contains("- ``\(try page(of: entry).name)``\n"), "\(entry.name)")
    }
    for wrapper in Documents.wrappers { #expect(landing.contains("- ``\(wrapper)``\n"), "\(wrapper)") }
    #expect(landing.contains("- <doc:Wrappers>\n"))
  }

  @Test("every library target has a landing page")
  func libraries() throws {
    let targets = Documents.names(in: "Sources").filter { $0.hasPrefix("Kelvin") && $0 != "KelvinCommands" }
    #expect(targets.count >= 9)
    for target in targets {
      let page = try Documents.text("Sources/\(target)/\(target).docc/\(target).md")
      #expect(page.hasPrefix("# ``\(target)``\n"), "\(target)")
    }
  }
}
