import Foundation
import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestSupport
import Testing

/// Columns that are measured for reviews, against their definitions in double precision.
@Suite("What is measured for a review is what its definition says")
struct ReviewColumnsTests {
  static let shapes = [
    RandomPasses(group: 1, passes: [1, 1, 1]),
    RandomPasses(group: 3, passes: [7, 1, 1, 5]),
    RandomPasses(heads: 1, group: 4, pairs: .adjacent, passes: [70, 1, 1]),
    RandomPasses(heads: 3, group: 2, keyWidth: 24, valueWidth: 8, passes: [3, 30, 40, 1, 1], promptPasses: 3),
    RandomPasses(group: 1, keyWidth: 64, valueWidth: 64, passes: [600, 1]),
  ]
  /// Widths that quantised entries have.
  static let wide = [
    RandomPasses(group: 2, keyWidth: 32, valueWidth: 32, passes: [70, 1, 1]),
    RandomPasses(group: 1, keyWidth: 64, valueWidth: 32, passes: [65, 1]),
  ]
  /// A stored number is wrong by 2⁻¹², 2⁻⁹, 1/254 or 1/16 of itself or the farthest of 32; cosines move by as much at most,
  /// shares of attention by as much as scores of a few units do.
  static let formats: [(EntryFormat, Double)] = [(.f16, 2e-3), (.bf16, 2e-2), (.q8_0, 2e-2), (.q4_0, 0.2)]

  @Test("similarity to the mean direction is the cosine, of turned keys", arguments: shapes)
  func keySimilarity(_ passes: RandomPasses) throws {
    try compareSimilarity(passes, tolerance: 1e-5)
  }

  @Test("and so it is while entries come and go one by one", arguments: [EntryFormat.f32, .q8_0])
  func followedSimilarity(_ format: EntryFormat) throws {
    let passes = RandomPasses(
      heads: 3, group: 1, keyWidth: 32, valueWidth: 32, passes: [9] + Array(repeating: 1, count: 80), formats: format,
      threads: 2)
    try compareSimilarity(passes, tolerance: format == .f32 ? 1e-5 : 2e-2)
    var windowed = passes
    windowed.window = 40
    try compareSimilarity(windowed, tolerance: format == .f32 ? 1e-5 : 2e-2)
  }

  @Test("and so it is within the rounding of every format, spread or not", arguments: formats)
  func keySimilarity(_ format: EntryFormat, _ tolerance: Double) throws {
    for var passes in Self.wide {
      passes.formats = format
      try compareSimilarity(passes, tolerance: tolerance)
    }
  }

  @Test("expected attention is the softmax of the Gaussian's closed form", arguments: shapes, [0, 4])
  func expected(_ passes: RandomPasses, sinks: Int) throws {
    try compareExpected(passes, ExpectedQueries(future: 50, sinks: sinks), tolerance: 2e-5)
  }

  @Test("and so it is within the rounding of every format", arguments: formats)
  func expected(_ format: EntryFormat, _ tolerance: Double) throws {
    for var passes in Self.wide {
      passes.formats = format
      try compareExpected(passes, ExpectedQueries(future: 9, sinks: 2), tolerance: tolerance)
    }
  }

  @Test("the same bits for 1, 2 and 3 threads", arguments: shapes)
  func threads(_ passes: RandomPasses) throws {
    let records = Records(
      attentionCount: 11, attentionHistory: 20, keySimilarity: true,
      expectedAttention: ExpectedQueries(future: 9, sinks: 2))
    func columns(threads: Int) throws -> [HeadLedger] {
      var threaded = passes
      threaded.threads = threads
      let witness = Witness(records)
      try threaded.run(witness)
      return try #require(witness.ledger).heads
    }
    let alone = try columns(threads: 1)
    for threads in [2, 3] {
      for (found, expected) in zip(try columns(threads: threads), alone) {
        #expect(found.keySimilarity == expected.keySimilarity)
        #expect(found.expectedAttention == expected.expectedAttention)
        #expect(found.attentionCount == expected.attentionCount)
        #expect(found.attentionHistory == expected.attentionHistory)
      }
    }
  }

  @Test("the same counts with all kernels, however many queries they handle at once", arguments: 1...3)
  func kernels(group: Int) throws {
    func counts(_ variant: Kernels.Variant) throws -> [AttentionCount] {
      let witness = Witness(Records(attention: true, attentionCount: 90))
      try RandomPasses(group: group, passes: [100, 1], kernels: variant).run(witness)
      return try #require(witness.ledger).heads.map(\.attentionCount)
    }
    let expected = try counts(.scalar)
    for variant in Kernels.available { #expect(try counts(variant) == expected, "\(variant)") }
  }

  @Test("what nobody reads is not measured")
  func unread() throws {
    let passes = RandomPasses(passes: [7, 1])
    let witness = Witness(Records())
    try passes.run(witness)
    let head = try #require(witness.ledger).heads[0]
    #expect(head.keySimilarity.isEmpty && head.expectedAttention.isEmpty && head.windowAttention.isEmpty)
    #expect(head.attentionCount.isEmpty && head.attentionHistory.isEmpty && head.outputNorm.isEmpty)
  }

  private func compareSimilarity(_ passes: RandomPasses, tolerance: Double) throws {
    try follow(passes, Records(attention: true, keySimilarity: true)) { reference, head, ledger in
      let keys = reference.heads[head].map { reference.turned($0.key, to: $0.position) }
      let directions = keys.map { key in key.map { $0 / dot(key, key).squareRoot() } }
      let mean = directions[0].indices.map { channel in directions.reduce(0) { $0 + $1[channel] } }
      let found = Dictionary(uniqueKeysWithValues: zip(ledger.positions, ledger.keySimilarity))
      for (entry, direction) in zip(reference.heads[head], directions) {
        let cosine = dot(direction, mean) / dot(mean, mean).squareRoot()
        let similarity = Double(try #require(found[Int32(entry.position)]))
        #expect(abs(similarity - cosine) <= tolerance)
      }
    }
  }

  private func compareExpected(_ passes: RandomPasses, _ expected: ExpectedQueries, tolerance: Double) throws {
    let prompt = passes.passes.prefix(passes.promptPasses).reduce(0, +)
    var queries: [[[Double]]] = []
    let records = Records(attention: true, expectedAttention: expected)
    try follow(passes, records) { pass in
      let width = passes.keyWidth
      let rows = stride(from: 0, to: pass.count, by: passes.heads * passes.group * width)
      for row in rows where queries.count < prompt {
        queries.append(
          (0..<passes.heads * passes.group).map { pass[row + $0 * width..<row + ($0 + 1) * width].map(Double.init) })
      }
    } _: { reference, head, ledger in
      let entries = reference.heads[head].filter { $0.position >= expected.sinks }
      var shares = [Double](repeating: 0, count: entries.count)
      for member in head * passes.group..<(head + 1) * passes.group {
        let gaussian = Gaussian(queries.dropFirst(expected.sinks).map { $0[member] }, width: passes.keyWidth)
        let seen = ledger.positions.max() ?? 0
        let scores = entries.map { entry in
          let key = reference.turned(entry.key, to: entry.position)
          return gaussian.score(
            key, at: Int(seen) + 1..<Int(seen) + 1 + expected.future, reference, scale: passes.scale)
        }
        let weights = scores.map { exp($0 - (scores.max() ?? 0)) }
        for (index, weight) in weights.enumerated() {
          shares[index] += weight / weights.reduce(0, +) / Double(passes.group)
        }
      }
      let found = Dictionary(uniqueKeysWithValues: zip(ledger.positions, ledger.expectedAttention))
      for (entry, share) in zip(entries, shares) {
        let attention = Double(try #require(found[Int32(entry.position)]))
        #expect(abs(attention - share) <= tolerance, "\(attention), \(share)")
      }
      for entry in reference.heads[head] where entry.position < expected.sinks {
        #expect(found[Int32(entry.position)] == 0)
      }
    }
  }

  /// Runs the passes, and compares each head of each reviewed ledger with the reference at that moment.
  private func follow(
    _ passes: RandomPasses, _ records: Records, queries body: ([Float]) -> Void = { _ in },
    _ compare: (Reference, _ head: Int, HeadLedger) throws -> Void
  ) throws {
    let witness = Witness(records)
    var reference = Reference(layout: passes.store, group: passes.group)
    var seen = 0
    var reviews = 0
    try passes.run(witness) { queries, keys, values, result in
      body(queries)
      seen += keys.count / (passes.heads * passes.keyWidth)
      if let window = passes.window {
        reference.keep(reference.heads.map { $0.map { Int32($0.position) }.filter { Int($0) >= seen - window } })
      }
      _ = reference.attend(queries, keys, values, scale: passes.scale)
      if let ledger = witness.ledger, ledger.seen == seen {
        reviews += 1
        for head in ledger.heads.indices where ledger.heads[head].count > 0 {
          try #require(ledger.heads[head].count == reference.heads[head].count)
          try compare(reference, head, ledger.heads[head])
        }
      }
      reference.keep(result.ledger.map { Array($0.keys) })
    }
    #expect(reviews == passes.passes.count - passes.promptPasses + 1)
  }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// Mean and covariance of queries that were not turned.
private struct Gaussian {
  var mean: [Double]
  var covariance: [[Double]]

  init(_ queries: [[Double]], width: Int) {
    let count = Double(max(1, queries.count))
    let mean = (0..<width).map { channel in queries.reduce(0) { $0 + $1[channel] } / count }
    covariance = (0..<width).map { row in
      (0..<width).map { column in
        queries.reduce(0) { $0 + ($1[row] - mean[row]) * ($1[column] - mean[column]) } / count
      }
    }
    self.mean = mean
  }

  /// `scale · μ'·k + scale²/2 · kᵀΣ'k`, by turning the key back instead of the mean and the covariance forth.
  func score(_ key: [Double], at positions: Range<Int>, _ reference: Reference, scale: Double) -> Double {
    let turns = positions.map { reference.turned(key, to: -$0) }
    let back = key.indices.map { channel in turns.reduce(0) { $0 + $1[channel] } / Double(turns.count) }
    return scale * dot(mean, back) + scale * scale / 2 * dot(back, covariance.map { dot($0, back) })
  }
}
