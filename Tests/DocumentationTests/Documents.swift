import Foundation
import KelvinPolicies
import TestSupport
import Testing

/// The repository's texts.
enum Documents {
  /// The repository's root.
  static let root = Fixtures.tests.deletingLastPathComponent()
  /// The pages about policies.
  static let policies = "Sources/KelvinPolicies/KelvinPolicies.docc"

  /// The text of a file, its path from the root on.
  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  /// The names in a folder that does not have to exist.
  static func names(in path: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(path).path))?.sorted() ?? []
  }

  /// The names of the wrappers, which are those of their files.
  static var wrappers: [String] {
    names(in: "Sources/KelvinPolicies/Wrappers").filter { $0 != "ScoringWrappers.swift" }
      .map { String($0.dropLast(".swift".count)) }
  }

  /// The options that all policies with a score have in common, and that no page repeats.
  static func wrapperOptions() throws -> [PolicyOption] {
    let h2o = try #require(PolicyRegistry.all.first { $0.name == "h2o" })
    let window = try #require(PolicyRegistry.all.first { $0.name == "window" })
    return h2o.options.filter { option in
      !["budget", "positions", "when"].contains(option.key) && window.options.contains(option)
    }
  }

  /// The level-two headings of a page, in order.
  static func headings(_ page: String) -> [String] {
    page.split(separator: "\n").filter { $0.hasPrefix("## ") }.map { String($0.dropFirst(3)) }
  }
}
