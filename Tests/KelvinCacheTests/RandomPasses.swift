import Foundation
import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestSupport

/// A store of random entries, read by random queries, pass after pass.
struct RandomPasses: Sendable {
  var heads = 2
  var group = 1
  var keyWidth = 16
  var valueWidth = 16
  var pairs = Rotary.Pairs.halves
  /// Rows of each pass; the first so many are the prompt.
  var passes = [7, 1, 1]
  var promptPasses = 1
  var formats = EntryFormat.f32
  var residual = 0
  var threads = 1
  var kernels: Kernels.Variant?
  var reviewsChunks = false
  /// How many entries a query sees; `nil`: all.
  var window: Int?
  /// Passes after which nobody looks at the ledger: their results have none.
  var unseenPasses = 0..<0

  var scale: Double { 1 / Double(keyWidth).squareRoot() }

  var store: StoreLayout {
    StoreLayout(
      heads: heads, keyWidth: keyWidth, values: .stored(width: valueWidth),
      rotary: Rotary(
        pairs: pairs, frequencies: (0..<keyWidth / 2).map { pow(100, -2 * Double($0) / Double(keyWidth)) }),
      reach: window.map { .window($0) } ?? .everything)
  }

  /// What one pass gave.
  struct Result: Equatable {
    var output: [Float]
    /// The ledger of the store after the review: positions and attention of each head, by position.
    var ledger: [[Int32: Float]]
  }

  /// Runs all passes.
  /// - Parameter body: called after each pass with its queries, keys, values and result, and the positions kept.
  @discardableResult
  func run(
    _ policy: any CachePolicy,
    _ body: (_ queries: [Float], _ keys: [Float], _ values: [Float], Result) throws -> Void = { _, _, _, _ in }
  ) throws -> [Result] {
    let processor = try Processor(threads: threads, kernels: kernels)
    var numbers = SeededNumbers(seed: 11)
    var cache = SequenceCache(
      layout: CacheLayout(layers: 1, each: store),
      formats: EntryFormats(keys: formats, values: formats, residual: residual), policy: policy, pool: PagePool())
    cache.beginPrompt(length: passes.prefix(promptPasses).reduce(0, +))
    var results: [Result] = []
    for (pass, rows) in passes.enumerated() {
      let queries = numbers.floats(rows * heads * group * keyWidth).map { $0 * 2 }
      let keys = numbers.floats(rows * heads * keyWidth).map { $0 * 2 }
      let values = numbers.floats(rows * heads * valueWidth)
      cache.expect(rows, reviewsChunks: reviewsChunks)
      let output = try cache.attend(
        processor.tensor(rows: rows, columns: heads * group * keyWidth, values: queries),
        adding: NewEntries(
          keys: processor.tensor(rows: rows, columns: heads * keyWidth, values: keys),
          values: processor.tensor(rows: rows, columns: heads * valueWidth, values: values)),
        layer: 0, scale: Float(scale))
      let heads = unseenPasses.contains(pass) ? [] : cache.ledger(store: 0).heads
      let ledger = heads.map { head in
        Dictionary(
          uniqueKeysWithValues: head.positions.indices.map {
            (head.positions[$0], head.attention.isEmpty ? 0 : head.attention[$0])
          })
      }
      results.append(Result(output: output.values, ledger: ledger))
      try body(queries, keys, values, results[results.count - 1])
    }
    return results
  }
}

/// A policy of the tests: after each pass, about one entry in `rate` of each head leaves, whichever it is.
struct Shedding: CachePolicy {
  let records = Records(attention: true)
  let places = Places.original
  var rate: UInt64
  private var numbers = SeededNumbers(seed: 3)

  init(rate: UInt64) { self.rate = rate }

  mutating func begin(at place: StorePlace, promptLength: Int) {}
  mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
    for head in 0..<ledger.heads.count {
      for entry in 0..<ledger.heads[head].count where numbers.next() % rate == 0 { edits.evict(entry, head: head) }
    }
  }
}
