import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestSupport
import Testing

/// The one attention of the code base against its definition in double precision.
@Suite("A sequence cache attends as the definition says")
struct AttentionTests {
  /// Sums of up to 700 products of 32-bit floats, outputs below 1.
  static let tolerance = 2e-5

  static let shapes: [RandomPasses] =
    [1, 3, 4].flatMap { group in
      [
        RandomPasses(group: group, passes: [1, 1, 1, 1]),
        RandomPasses(group: group, passes: [7, 1, 7, 1]),
        RandomPasses(heads: 1, group: group, pairs: .adjacent, passes: [70, 1, 1, 7]),
        RandomPasses(heads: 3, group: group, keyWidth: 24, valueWidth: 8, passes: [7, 7, 7, 50, 1], promptPasses: 4),
        RandomPasses(group: group, keyWidth: 64, valueWidth: 64, passes: [65, 1, 1]),
      ]
    } + [RandomPasses(group: 3, passes: [511, 1, 1, 1, 190, 1])]

  private func compare(
    _ passes: RandomPasses, _ policy: any CachePolicy, isCompacted: Bool = false, tolerance: Double = tolerance,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var reference = Reference(layout: passes.store, group: passes.group, isCompacted: isCompacted)
    try passes.run(policy) { queries, keys, values, result in
      let expected = reference.attend(queries, keys, values, scale: passes.scale)
      let worst = greatestDifference(result.output.map(Double.init), expected)
      #expect(worst <= tolerance, "\(worst)", sourceLocation: sourceLocation)
      reference.keep(result.ledger.map { Array($0.keys) })
      guard policy.records.attention else { return }
      for (head, column) in result.ledger.enumerated() {
        for entry in reference.heads[head] {
          let found = Double(try #require(column[Int32(entry.position)]))
          #expect(abs(found - entry.received) <= tolerance * max(1, entry.received), sourceLocation: sourceLocation)
        }
      }
    }
  }

  @Test("with all entries", arguments: shapes)
  func full(_ passes: RandomPasses) throws {
    try compare(passes, Full())
  }

  @Test("after any entries have left, and the attention column is the sum of the softmax's columns", arguments: shapes)
  func shedding(_ passes: RandomPasses) throws {
    try compare(passes, Shedding(rate: 9))
  }

  @Test("when H2O has decided, in the prompt's chunks and in steps", arguments: shapes)
  func h2o(_ passes: RandomPasses) throws {
    var chunked = passes
    chunked.reviewsChunks = true
    try compare(chunked, H2O(budget: .entries(6)))
  }

  /// The definition turns keys to their rank again; the cache turns the query twice instead.
  @Test("when ranks are closed, keys stand at their rank and the query at its own", arguments: shapes, [0, 1, 4])
  func compacted(_ passes: RandomPasses, sinks: Int) throws {
    var chunked = passes
    chunked.reviewsChunks = true
    try compare(chunked, StreamingLLM(budget: .entries(6), sinks: sinks), isCompacted: true)
  }

  @Test("without closing ranks, StreamingLLM's entries stand where they were born", arguments: shapes)
  func original(_ passes: RandomPasses) throws {
    try compare(passes, StreamingLLM(budget: .entries(6), isCompacted: false))
  }

  /// A stored number is wrong by 2⁻¹² or 2⁻⁹ of itself; scores of a few units move by about that much.
  @Test("in f16 and bf16, within their rounding", arguments: [(EntryFormat.f16, 2e-3), (.bf16, 2e-2)])
  func formats(_ format: EntryFormat, tolerance: Double) throws {
    for var passes in Self.shapes {
      passes.formats = format
      try compare(passes, Shedding(rate: 9), tolerance: tolerance)
    }
  }

  /// A stored number is wrong by half a step, 1/254 or 1/16 of the farthest of 32.
  ///
  /// Values are below 1. Attention that forgot to undo the spreading of values would be wrong by as much as the outputs are large, 1.
  @Test("in q8_0 and q4_0, within their steps", arguments: [(EntryFormat.q8_0, 2e-2), (.q4_0, 0.3)])
  func quantised(_ format: EntryFormat, tolerance: Double) throws {
    for (keyWidth, valueWidth) in [(32, 96), (64, 32), (64, 64), (192, 128)] {
      for group in [1, 3] {
        var passes = RandomPasses(
          group: group, keyWidth: keyWidth, valueWidth: valueWidth, passes: [7, 1, 65, 1], promptPasses: 3)
        passes.formats = format
        try compare(passes, Shedding(rate: 9), tolerance: tolerance)
      }
    }
  }

  /// Quantised beside f16, in steps of one span and of several, where chunks end anywhere; ranks and attention columns as well.
  @Test("with the newest entries in f16 beside quantised ones", arguments: [1, 3, 64, 70])
  func residual(_ residual: Int) throws {
    for passes in [[7, 1, 65, 1, 1, 1], [600, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1]] {
      var passes = RandomPasses(group: 3, keyWidth: 64, valueWidth: 32, passes: passes, promptPasses: 3)
      passes.formats = .q8_0
      passes.residual = residual
      try compare(passes, Full(), tolerance: 2e-2)
      try compare(passes, Shedding(rate: 9), tolerance: 2e-2)
    }
  }

  @Test(
    "a residual that nothing exceeds rounds as f16 does, whatever is beside it", arguments: [EntryFormat.q8_0, .q4_0])
  func allNew(_ format: EntryFormat) throws {
    var passes = RandomPasses(group: 3, keyWidth: 64, valueWidth: 96, passes: [7, 1, 600, 1, 1], promptPasses: 3)
    passes.formats = format
    passes.residual = 1000
    try compare(passes, Shedding(rate: 9), tolerance: 2e-3)
  }

  /// A budget of 6 with 4 sinks: for a residual of 3 some sinks settle, for 5 some of the last, for 7 none after the first chunk.
  @Test("sinks are read at their ranks, wherever they lie", arguments: [1, 2, 3, 4, 5, 6, 7])
  func settledSinks(_ residual: Int) throws {
    for chunks in [[7, 1, 7, 1, 1, 1, 1], [3, 3, 3, 1, 1, 1, 1, 1], [70, 1, 1, 1]] {
      var passes = RandomPasses(group: 2, keyWidth: 64, valueWidth: 64, passes: chunks, promptPasses: 3)
      passes.formats = .q8_0
      passes.residual = residual
      for reviewsChunks in [true, false] {
        passes.reviewsChunks = reviewsChunks
        try compare(passes, StreamingLLM(budget: .entries(6), sinks: 4), isCompacted: true, tolerance: 2e-2)
      }
    }
  }

  @Test("the same bits for 1, 2 and 3 threads", arguments: shapes)
  func threads(_ passes: RandomPasses) throws {
    let alone = try passes.run(Shedding(rate: 9))
    for threads in [2, 3] {
      var threaded = passes
      threaded.threads = threads
      #expect(try threaded.run(Shedding(rate: 9)) == alone)
    }
  }
}
