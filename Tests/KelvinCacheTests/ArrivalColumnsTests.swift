import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestSupport
import Testing

@Suite("What is written down on arrival is what its definition says")
struct ArrivalColumnsTests {
  @Test("values are measured by their sum or their length, as asked for")
  func valueNorms() throws {
    #expect(try columns(Records(valueNorm: .sum)).map { Array($0.valueNorm) } == [[7, 1], [5, 0]])
    let lengths = try columns(Records(valueNorm: .length)).map { Array($0.valueNorm) }
    #expect(lengths == [[5, 1], [Float(13).squareRoot(), 0]])
  }

  /// `W_O` has a block of two columns for each of four query heads; heads 0 and 1 share the first KV head.
  @Test("the output norm is that of each query head's block alone, mean over the group")
  func outputNorm() throws {
    let rows: [[Float]] = [
      [1, 0, 0, 1, 2, 0, 0, 0],
      [0, 1, 0, 1, 0, 0, 0, 2],
      [0, 0, 3, 0, 0, 0, 1, 0],
    ]
    // (3, −4): block 0 gives 3, −4, 0, block 1 gives −4, −4, 9. (0, 1): 0, 1, 0 and 1, 1, 0.
    // (2, 3): block 2 gives 4, 0, 0, block 3 gives 0, 6, 2.
    let found = try columns(Records(outputNorm: true), output: rows)
    #expect(found.map { Array($0.outputNorm) } == [[12, 1.5], [6, 0]])
  }

  /// Values as wide as a block of the packing take a shorter way.
  @Test("and so it is for wide values, token by token and together", arguments: [1, 19], [1, 2])
  func wideOutputNorm(tokens: Int, threads: Int) throws {
    let (heads, group, width, hidden) = (2, 3, 32, 40)
    var numbers = SeededNumbers(seed: 5)
    let processor = try Processor(threads: threads)
    let weights = numbers.floats(hidden * heads * group * width)
    let output = try Weight(
      StoredTensor(
        name: "output", shape: [hidden, heads * group * width], format: .f32, source: ArraySource(weights),
        range: 0..<weights.count * 4),
      exact: true, processor: processor)
    let store = StoreLayout(heads: heads, keyWidth: 2, values: .stored(width: width), rotary: nil)
    var cache = SequenceCache(
      layout: CacheLayout(layers: 1, each: store), formats: EntryFormats(keys: .f32, values: .f32),
      policy: Witness(Records(outputNorm: true)), pool: PagePool())
    let values = numbers.floats(tokens * heads * width)
    cache.beginPrompt(length: tokens + 1)
    cache.expect(tokens)
    _ = try cache.attend(
      processor.tensor(rows: tokens, columns: heads * group * 2, values: numbers.floats(tokens * heads * group * 2)),
      adding: NewEntries(
        keys: processor.tensor(rows: tokens, columns: heads * 2, values: numbers.floats(tokens * heads * 2)),
        values: processor.tensor(rows: tokens, columns: heads * width, values: values), outputProjection: output),
      layer: 0, scale: 1)
    for (head, ledger) in cache.ledger(store: 0).heads.enumerated() {
      for token in 0..<tokens {
        let value = values[(token * heads + head) * width..<(token * heads + head + 1) * width].map(Double.init)
        var sum = 0.0
        for block in head * group..<(head + 1) * group {
          for row in 0..<hidden {
            let first = row * heads * group * width + block * width
            sum += abs(zip(weights[first..<first + width], value).reduce(0) { $0 + Double($1.0) * $1.1 })
          }
        }
        #expect(abs(Double(ledger.outputNorm[token]) - sum / Double(group)) < 1e-4)
      }
    }
  }

  @Test("without an output projection it is the value's own sum")
  func noProjection() throws {
    #expect(try columns(Records(outputNorm: true)).map { Array($0.outputNorm) } == [[7, 1], [5, 0]])
  }

  @Test(
    "an even share is counted over the newest queries, in prefill and in steps",
    arguments: ReviewColumnsTests.shapes, [1, 5, 64, 400])
  func attentionCount(_ passes: RandomPasses, queries: Int) throws {
    try follow(passes, Records(attention: true, attentionCount: queries)) { head, given in
      for entry in 0..<head.count {
        let position = Int(head.positions[entry])
        let expected = given.suffix(queries).count { $0[position, default: 0] >= 1 / Double($0.count) }
        #expect(head.attentionCount[entry] == expected, "position \(position)")
      }
    }
  }

  /// 32-bit sums of at most 640 shares, each up to 1 and exact to 2⁻²⁰ or so.
  private static let tolerance = 5e-5

  @Test(
    "what the newest queries gave is summed, in prefill and in steps", arguments: ReviewColumnsTests.shapes,
    [1, 5, 20, 64, 400])
  func attentionHistory(_ passes: RandomPasses, queries: Int) throws {
    try follow(passes, Records(attention: true, attentionHistory: queries)) { head, given in
      let first = AttentionHistory.firstCounted(of: queries, newest: given.count - 1)
      for entry in 0..<head.count {
        let position = Int(head.positions[entry])
        let expected = given.dropFirst(first).reduce(0) { $0 + $1[position, default: 0] }
        #expect(abs(Double(head.attentionHistory[entry]) - expected) <= Self.tolerance, "position \(position)")
      }
    }
  }

  /// Runs the passes, and calls `compare` for each head of each reviewed ledger with what each query so far has given to the
  /// positions that it saw, in double precision.
  private func follow(
    _ passes: RandomPasses, _ records: Records, _ compare: (HeadLedger, _ given: [[Int: Double]]) -> Void
  ) throws {
    let witness = Witness(records)
    var reference = Reference(layout: passes.store, group: passes.group)
    var given = [[[Int: Double]]](repeating: [], count: passes.heads)
    try passes.run(witness) { q, k, v, result in
      let width = (q: passes.heads * passes.group * passes.keyWidth, k: passes.heads * passes.keyWidth)
      let valueWidth = passes.heads * passes.valueWidth
      for row in 0..<k.count / width.k {
        let before = reference.heads.map { head in
          Dictionary(uniqueKeysWithValues: head.map { ($0.position, $0.received) })
        }
        _ = reference.attend(
          Array(q[row * width.q..<(row + 1) * width.q]), Array(k[row * width.k..<(row + 1) * width.k]),
          Array(v[row * valueWidth..<(row + 1) * valueWidth]), scale: passes.scale)
        for (index, head) in reference.heads.enumerated() {
          given[index].append(
            Dictionary(
              uniqueKeysWithValues: head.map {
                ($0.position, $0.received - before[index][$0.position, default: 0])
              }))
        }
      }
      guard let ledger = witness.ledger, ledger.heads[0].count == reference.heads[0].count else {
        reference.keep(result.ledger.map { Array($0.keys) })
        return
      }
      for (head, given) in zip(ledger.heads, given) { compare(head, given) }
      reference.keep(result.ledger.map { Array($0.keys) })
    }
  }

  /// The ledger of two heads after two tokens, with the values (3, −4) and (0, 1), (2, 3) and (0, 0).
  private func columns(_ records: Records, output rows: [[Float]]? = nil) throws -> [HeadLedger] {
    let processor = try Processor(threads: 1)
    let store = StoreLayout(heads: 2, keyWidth: 2, values: .stored(width: 2), rotary: nil)
    var cache = SequenceCache(
      layout: CacheLayout(layers: 1, each: store), formats: EntryFormats(keys: .f32, values: .f32),
      policy: Witness(records), pool: PagePool())
    cache.beginPrompt(length: 3)
    cache.expect(2)
    let output = try rows.map { rows in
      let numbers = rows.flatMap { $0 }
      return try Weight(
        StoredTensor(
          name: "output", shape: [rows.count, 8], format: .f32, source: ArraySource(numbers),
          range: 0..<numbers.count * 4),
        exact: true, processor: processor)
    }
    _ = try cache.attend(
      processor.tensor(rows: 2, columns: 8, values: Array(repeating: 1, count: 16)),
      adding: NewEntries(
        keys: processor.tensor(rows: 2, columns: 4, values: Array(repeating: 1, count: 8)),
        values: processor.tensor(rows: 2, columns: 4, values: [3, -4, 2, 3, 0, 1, 0, 0]), outputProjection: output),
      layer: 0, scale: 1)
    return cache.ledger(store: 0).heads
  }
}
