import KelvinPolicies
import Testing

@Suite("A policy is written NAME:key=value,key=value")
struct SpecificationTests {
  @Test("name and options in the order written")
  func parts() throws {
    let specification = try PolicySpecification("h2o:budget=20%,recent=64")
    #expect(specification.name == "h2o")
    #expect(specification.options.map(\.key) == ["budget", "recent"])
    #expect(specification["budget"] == "20%")
    #expect(specification["recent"] == "64")
    #expect(specification["sinks"] == nil)
    #expect(specification.description == "h2o:budget=20%,recent=64")
    #expect(try PolicySpecification("full").description == "full")
  }

  @Test("options can be set and removed")
  func editing() throws {
    var specification = try PolicySpecification("h2o:budget=20%,recent=64")
    specification["budget"] = "7"
    #expect(specification.description == "h2o:recent=64,budget=7")
    specification["recent"] = nil
    #expect(specification.description == "h2o:budget=7")
  }

  @Test(
    "what is not of this form is refused with the form",
    arguments: ["", ":", ":budget=1", "h2o:", "h2o:budget", "h2o:budget=", "h2o:=1", "h2o:budget=1,", "h2o:,budget=1"])
  func malformed(_ text: String) {
    #expect(throws: PolicyError.malformed(text)) { try PolicySpecification(text) }
    #expect(PolicyError.malformed(text).description == "policy '\(text)': expected NAME or NAME:key=value,key=value")
  }

  @Test("an option given twice is refused")
  func repeated() {
    #expect(throws: PolicyError.repeated(policy: "h2o", option: "budget")) {
      try PolicySpecification("h2o:budget=1,budget=2")
    }
  }

  @Test(
    "every complaint names the policy, the option, what was found and what is possible",
    arguments: [
      ("h3o", "policy 'h3o' does not exist; known: "),
      (
        "h2o:buget=1",
        "policy 'h2o': option 'buget' does not exist; known: budget, recent, norm, history, positions, when"
      ),
      ("full:budget=1", "policy 'full': option 'budget' does not exist; it has none"),
      ("h2o:budget=0", "policy 'h2o': budget=0 is not possible, expected \(Budget.spellings)"),
      ("h2o:recent=-1", "policy 'h2o': recent=-1 is not possible, expected a count or half"),
      ("h2o:recent=some", "policy 'h2o': recent=some is not possible, expected a count or half"),
      ("h2o:when=never", "policy 'h2o': when=never is not possible, expected prefill, decode, both"),
      ("snapkv:when=decode", "policy 'snapkv': when=decode is not possible, expected prefill"),
      ("snapkv:when=both", "policy 'snapkv': when=both is not possible, expected prefill"),
      ("h2o:positions=compacted", "policy 'h2o': positions=compacted is not possible, expected original"),
      ("l2:budget=1MiB", "policy 'l2': budget=1MiB is not possible, expected entries or a share of the prompt, as "),
      ("streaming:sinks=x", "policy 'streaming': sinks=x is not possible, expected a count"),
      ("streaming:budget=3", "policy 'streaming': budget=3 is not possible, expected at least its 4 sinks"),
    ])
  func sentences(_ text: String, _ sentence: String) throws {
    let specification = try PolicySpecification(text)
    #expect {
      try PolicyRegistry.make(specification)
    } throws: { error in
      "\(error)".hasPrefix(sentence) && (error as? PolicyError)?.description == "\(error)"
    }
  }

  @Test("the name of an unknown policy is answered with all known ones")
  func unknown() {
    #expect(throws: PolicyError.unknownPolicy("h3o", known: PolicyRegistry.all.map(\.name))) {
      try PolicyRegistry.make(PolicySpecification(name: "h3o"))
    }
  }
}

@Suite("The registry says all there is to know about a policy")
struct RegistryTests {
  @Test("names are unique, in small letters")
  func names() {
    let names = PolicyRegistry.all.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(names.allSatisfy { $0.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "-" } })
    #expect(names.first == "full")
  }

  @Test("every policy has a summary, a paper, a moment, and help for every option", arguments: PolicyRegistry.all)
  func complete(_ entry: PolicyEntry) {
    #expect(!entry.summary.isEmpty)
    #expect(!entry.paper.isEmpty)
    #expect(!entry.acts.isEmpty)
    #expect(Set(entry.options.map(\.key)).count == entry.options.count)
    for option in entry.options {
      #expect(!option.help.isEmpty && !option.values.isEmpty && !option.defaultValue.isEmpty, "\(option.key)")
    }
  }

  @Test("every policy can be made from its defaults, written or not", arguments: PolicyRegistry.all)
  func defaults(_ entry: PolicyEntry) throws {
    let unwritten = try entry.makeDefault()
    var specification = PolicySpecification(name: entry.name)
    specification.options = entry.options.map { ($0.key, $0.defaultValue) }
    let written = try PolicyRegistry.make(specification)
    // Sets are written in any order.
    #expect("\(written)".sorted() == "\(unwritten)".sorted())
    #expect(written.records == unwritten.records)
    #expect(written.places == unwritten.places)
  }
}
