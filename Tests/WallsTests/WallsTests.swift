import Foundation
import TestSupport
import Testing

/// The walls between targets and the rules of the house, read from the sources themselves.
@Suite("The house is built as it was drawn")
struct WallsTests {
  /// What each target may import besides itself, Foundation and its parts, Synchronization and Dispatch.
  static let table: [String: Set<String>] = [
    "KelvinTensors": ["CKelvinKernels"],
    "KelvinAttention": ["KelvinTensors"],
    "KelvinPolicies": [],
    "KelvinCache": ["KelvinTensors", "KelvinAttention", "KelvinPolicies"],
    "KelvinModels": ["KelvinTensors", "KelvinAttention"],
    "KelvinCheckpoints": ["KelvinTensors"],
    "KelvinText": [],
    "KelvinEngine": [
      "KelvinTensors", "KelvinAttention", "KelvinPolicies", "KelvinCache", "KelvinModels", "KelvinCheckpoints",
      "KelvinText",
    ],
    "Kelvin": ["KelvinPolicies", "KelvinCache", "KelvinModels", "KelvinText", "KelvinEngine"],
    "KelvinCommands": [
      "KelvinTensors", "KelvinAttention", "KelvinPolicies", "KelvinCache", "KelvinModels", "KelvinText", "KelvinEngine",
      "ArgumentParser",
    ],
  ]

  /// What comes with Swift and the system; policies import nothing at all.
  static let system: Set<String> = [
    "Foundation", "FoundationEssentials", "Synchronization", "Dispatch", "Glibc", "Musl", "Darwin",
  ]

  /// Where unsafe pointers may be.
  static let unsafe = [
    "KelvinTensors/Kernels/", "KelvinCache/HeadPages", "KelvinCache/PagePool",
    "KelvinCheckpoints/MappedFile.swift",
  ]

  /// A source file.
  struct Source {
    /// From `Sources` on.
    var path: String
    var lines: [Substring]

    var target: String { String(path.prefix { $0 != "/" }) }
    /// The lines that are not comments.
    var code: [Substring] { lines.filter { !$0.drop { $0 == " " }.hasPrefix("//") } }
    /// The words of the code: runs of letters, digits and underscores.
    var words: Set<Substring> {
      Set(code.flatMap { $0.split { !($0.isLetter || $0.isNumber || $0 == "_") } })
    }

    /// The modules it imports.
    var imports: [String] {
      lines.compactMap { line -> String? in
        let words = line.split(separator: " ")
        guard let place = words.firstIndex(of: "import"), place + 1 < words.count,
          words[..<place].allSatisfy({ ["public", "package", "internal", "private", "fileprivate"].contains($0) })
        else { return nil }
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "typealias"]
        let name = words[(place + 1)...].first { !kinds.contains($0) }
        return name.map { String($0.prefix { $0 != "." }) }
      }
    }
  }

  let swift: [Source]
  let others: [Source]

  init() throws {
    let folder = Fixtures.tests.deletingLastPathComponent().appendingPathComponent("Sources")
    func read(_ extensions: Set<String>) throws -> [Source] {
      let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { path in
        extensions.contains((path as NSString).pathExtension)
      }
      return try paths.sorted().map { path in
        let text = try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
        return Source(path: path, lines: text.split(separator: "\n", omittingEmptySubsequences: false))
      }
    }
    swift = try read(["swift"])
    others = try read(["c", "h"])
    try #require(swift.count > 80 && others.count > 5)
  }

  @Test("every target imports what the table allows, and nothing else")
  func imports() {
    for source in swift {
      guard var allowed = Self.table[source.target] else {
        Issue.record("\(source.path) belongs to no target of the table")
        continue
      }
      if source.target != "KelvinPolicies" { allowed.formUnion(Self.system) }
      for name in source.imports { #expect(allowed.contains(name), "\(source.path) imports \(name)") }
    }
  }

  @Test("every wall that the table opens is used: Kelvin's umbrella aside, a target imports each of its neighbours")
  func used() {
    for (target, neighbours) in Self.table where target != "Kelvin" {
      let imported = Set(swift.filter { $0.target == target }.flatMap(\.imports))
      #expect(neighbours.subtracting(imported).isEmpty, "\(target) never imports \(neighbours.subtracting(imported))")
    }
  }

  @Test("only the kernels' folder imports the C target")
  func kernels() {
    for source in swift where source.imports.contains("CKelvinKernels") {
      #expect(source.path.hasPrefix("KelvinTensors/Kernels/"), "\(source.path)")
    }
  }

  @Test("the C target includes headers of its own and of the standard library only")
  func includes() {
    let names = Set(others.compactMap { $0.path.split(separator: "/").last.map(String.init) })
    let standard: Set<String> = [
      "math.h", "stdbool.h", "stddef.h", "stdint.h", "string.h", "immintrin.h", "arm_neon.h", "sys/auxv.h",
      "sys/syscall.h", "unistd.h",
    ]
    for source in others {
      for line in source.lines where line.hasPrefix("#include") {
        let name = String(line.dropFirst("#include".count).drop { "\" <".contains($0) }.prefix { !"\">".contains($0) })
        #expect(names.contains(name) || standard.contains(name), "\(source.path) includes \(name)")
      }
    }
  }

  @Test("unsafe pointers stay behind their walls")
  func unsafePointers() {
    for source in swift where !Self.unsafe.contains(where: { source.path.hasPrefix($0) }) {
      let offence = source.code.first { $0.contains("Unsafe") }
      #expect(offence == nil, "\(source.path)")
    }
  }

  @Test("no policy mentions a tensor or a pointer, no model a cache or a policy, no cache a model or a method")
  func vocabularies() {
    let methods = Set(
      swift.filter { $0.path.hasPrefix("KelvinPolicies/Methods/") }
        .compactMap { $0.path.split(separator: "/").last?.dropLast(".swift".count) })
    let forbidden: [String: Set<Substring>] = [
      "KelvinPolicies": ["Tensor", "Weight", "SequenceCache", "LanguageModel"],
      "KelvinModels": ["SequenceCache", "CachePolicy", "ScoringPolicy", "PagePool"],
      "KelvinCache": methods.union(["LanguageModel", "Llama"]),
      "KelvinTensors": ["CacheLayout", "CachePolicy", "SequenceCache", "LanguageModel"],
    ]
    #expect(methods.count >= 3)
    for source in swift {
      let found = source.words.intersection(forbidden[source.target] ?? [])
      #expect(found.isEmpty, "\(source.path): \(found.sorted())")
    }
  }

  @Test("nothing gives up: no fatalError, try! or as!")
  func traps() {
    for source in swift {
      for trap in ["fatalError(", "try!", "as!"] {
        let offence = source.code.first { $0.contains(trap) }
        #expect(offence == nil, "\(source.path): \(trap)")
      }
    }
  }

  @Test("files stay short: 300 lines of Swift, 400 of C")
  func lengths() {
    // The text after the last line end is counted as a line of its own.
    for source in swift { #expect(source.lines.count - 1 <= 300, "\(source.path): \(source.lines.count - 1)") }
    for source in others { #expect(source.lines.count - 1 <= 400, "\(source.path): \(source.lines.count - 1)") }
  }
}
