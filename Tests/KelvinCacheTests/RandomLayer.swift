import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestSupport

/// One layer that reads 2 query heads per KV head of random rows, pass after pass.
struct RandomLayer {
  var store = StoreLayout(heads: 2, keyWidth: 8, values: .stored(width: 8), rotary: nil)
  var passes = [7, 1, 65, 1, 1]
  var format = EntryFormat.f32
  var residual = 0
  var threads = 1
  static let group = 2

  /// What went in and came out, row by row.
  struct Course {
    var queries: [[Float]] = []
    var keys: [[Float]] = []
    var values: [[Float]] = []
    var gates: [[Float]] = []
    var outputs: [[Float]] = []

    /// The part of a row that belongs to a head.
    static func head(_ index: Int, of row: [Float], width: Int) -> [Float] {
      Array(row[index * width..<(index + 1) * width])
    }

    /// The entries of a head at `positions`.
    func entries(_ positions: some Sequence<Int>, head: Int, width: Int) -> [(key: [Float], value: [Float])] {
      positions.map { (Self.head(head, of: keys[$0], width: width), Self.head(head, of: values[$0], width: width)) }
    }
  }

  /// Runs all passes as one prompt followed by steps.
  /// - Parameter body: called after each pass with the cache.
  func run(
    _ policy: any CachePolicy = Full(), _ body: (borrowing SequenceCache) throws -> Void = { _ in }
  ) throws -> Course {
    let processor = try Processor(threads: threads)
    var course = Course()
    var cache = SequenceCache(
      layout: CacheLayout(layers: 1, each: store),
      formats: EntryFormats(keys: format, values: format, residual: residual), policy: policy, pool: PagePool())
    cache.beginPrompt(length: passes.first ?? 0)
    func tensor(_ rows: ArraySlice<[Float]>) -> Tensor {
      processor.tensor(rows: rows.count, columns: rows.first?.count ?? 0, values: rows.flatMap { $0 })
    }
    // Every row has numbers of its own, however the passes are cut.
    for row in 0..<passes.reduce(0, +) {
      var numbers = SeededNumbers(seed: UInt64(row))
      course.queries.append(numbers.floats(store.heads * Self.group * store.keyWidth))
      course.keys.append(numbers.floats(store.heads * store.keyWidth))
      course.values.append(numbers.floats(store.heads * store.valueWidth))
      course.gates.append(numbers.floats(store.heads * 2).enumerated().map { $0 % 2 == 0 ? $1 : abs($1) + 0.1 })
    }
    for count in passes {
      let rows = cache.seen..<cache.seen + count
      cache.expect(count)
      let output = try cache.attend(
        tensor(course.queries[rows]),
        adding: NewEntries(
          keys: tensor(course.keys[rows]), values: tensor(course.values[rows]),
          gates: store.gating == nil ? nil : tensor(course.gates[rows])),
        layer: 0, scale: 1)
      course.outputs += (0..<count).map { output.values(row: $0) }
      try body(cache)
    }
    return course
  }
}
