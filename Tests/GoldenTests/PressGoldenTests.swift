import KelvinCache
import KelvinPolicies
import KelvinTensors
import Synchronization
import TestModels
import TestSupport
import Testing

/// What the library kvpress keeps of a prompt of 768 tokens.
private struct PressGolden: Decodable {
  struct Run: Decodable {
    /// What kvpress calls the method.
    var press: String
    /// The policy as it is written here.
    var policy: String
    /// The positions that each head keeps; one string where all heads keep the same.
    var kept: [String]
  }
  var ids: [Int32]
  var runs: [Run]
}

extension SmolLM2Tests {
  @Suite("a prompt is cut as kvpress cuts it")
  struct Presses {
    @Test("all heads together keep the same entries, but for near ties", arguments: [0, 1, 32])
    func kept(_ window: Int) throws {
      let golden = try Fixtures.json("smollm2/policies/kvpress-768.json", as: PressGolden.self)
      try #require(golden.runs.count == 10)
      let model = try RealModel.exact.get()
      let runs = try golden.runs.filter {
        try PolicyRegistry.make(PolicySpecification($0.policy)).records.windowAttention == window
      }
      try #require(!runs.isEmpty)
      let panel = Panel(runs.map(\.policy))
      var cache = model.cache(panel)
      try model.prefill(golden.ids, into: &cache)
      for (member, run) in runs.enumerated() {
        var (missing, entries) = (0, 0)
        for head in 0..<90 {
          let expected = PolicyGolden.positions(run.kept[run.kept.count == 1 ? 0 : head])
          let found = try #require(panel.kept(member: member, head: head))
          #expect(found.count == expected.count, "\(run.press)")
          missing += expected.subtracting(found).count
          entries += expected.count
        }
        // Near ties fall either way between two programs in 32-bit floats; a wrong formula moves far more than 1 in 500.
        #expect(Double(missing) <= 0.002 * Double(entries), "\(run.policy): \(missing) of \(entries)")
      }
    }
  }
}

/// A policy of the tests: several policies look at the same prompt, and nothing leaves.
private struct Panel: CachePolicy {
  private struct Seat: Hashable {
    var panel, member, head: Int
  }
  private static let verdicts = Mutex<[Seat: Set<Int32>]>([:])
  private static let panels = Atomic(0)

  private let number = Panel.panels.add(1, ordering: .relaxed).newValue
  private var members: [any CachePolicy]

  init(_ specifications: [String]) {
    members = specifications.compactMap { try? PolicyRegistry.make(PolicySpecification($0)) }
  }

  /// What a member would have kept of a head.
  func kept(member: Int, head: Int) -> Set<Int32>? {
    Self.verdicts.withLock { $0[Seat(panel: number, member: member, head: head)] }
  }

  /// All that the members ask for, who agree where they ask for the same thing.
  var records: Records {
    members.map(\.records).reduce(into: Records()) { all, own in
      all.attention = all.attention || own.attention
      all.windowAttention = max(all.windowAttention, own.windowAttention)
      all.keyNorm = all.keyNorm || own.keyNorm
      all.valueNorm = all.valueNorm ?? own.valueNorm
      all.keySimilarity = all.keySimilarity || own.keySimilarity
      all.expectedAttention = all.expectedAttention ?? own.expectedAttention
    }
  }
  var places: Places { .original }

  mutating func begin(at place: StorePlace, promptLength: Int) {
    for member in members.indices { members[member].begin(at: place, promptLength: promptLength) }
  }

  mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    for member in members.indices {
      var verdict = Edits(heads: ledger.heads.count)
      members[member].review(ledger, at: moment, edits: &verdict)
      for index in 0..<ledger.heads.count {
        let head = ledger.heads[index]
        var stay = Set(head.positions)
        for entry in verdict.evictions[index] { stay.remove(head.positions[entry]) }
        let seat = Seat(panel: number, member: member, head: head.number)
        let result = stay
        Self.verdicts.withLock { $0[seat] = result }
      }
    }
  }
}
