import KelvinAttention
import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestSupport
import Testing

/// Without positions, grouped-query attention is latent attention whose latent is all keys and all values.
@Suite("Latent attention of width 2·H·D is grouped-query attention")
struct LatentIdentityTests {
  private static let (heads, group, width) = (2, 3, 8)
  /// Keys and values of all KV heads, and two channels that nobody reads.
  private static let widths = LatentUpProjections.Widths(
    plain: width, rotary: 2, value: width, latent: 2 * heads * width)

  /// The rows of the identity that pick `width` numbers of the latent from `first` on.
  private static func selection(from first: Int) -> ContiguousArray<Float> {
    var rows = ContiguousArray<Float>(repeating: 0, count: width * widths.latent)
    for row in 0..<width { rows[row * widths.latent + first + row] = 1 }
    return rows
  }

  private static func projections(_ processor: Processor) throws -> LatentUpProjections {
    let groups = (0..<heads * group).map { $0 / group }
    return try LatentUpProjections(
      widths, keys: groups.map { selection(from: $0 * width) },
      values: groups.map { selection(from: (heads + $0) * width) }, processor: processor)
  }

  @Test("in both forms, token by token and in one pass", arguments: LatentForm.allCases, [1, 70])
  func identity(_ form: LatentForm, chunk: Int) throws {
    let processor = try Processor(threads: 1)
    let projections = try Self.projections(processor)
    let grouped = StoreLayout(heads: Self.heads, keyWidth: 8, values: .stored(width: 8), rotary: nil)
    let latent = StoreLayout(heads: 1, keyWidth: 34, values: .prefixOfKey(width: 32), rotary: nil)
    var expected = Self.cache(grouped)
    var found = Self.cache(latent)
    found.latentForm = form
    var numbers = SeededNumbers(seed: 5)
    for _ in 0..<70 / chunk {
      let queries = (0..<chunk * Self.heads * Self.group).map { _ in numbers.floats(8) }
      let (keys, values) = ((0..<chunk).map { _ in numbers.floats(16) }, (0..<chunk).map { _ in numbers.floats(16) })
      func tensor(_ rows: [[Float]]) -> Tensor {
        processor.tensor(rows: chunk, columns: rows.joined().count / chunk, values: rows.flatMap { $0 })
      }
      expected.expect(chunk)
      found.expect(chunk)
      let a = try expected.attend(
        tensor(queries), adding: NewEntries(keys: tensor(keys), values: tensor(values)), layer: 0, scale: 0.4)
      let b = try found.attend(
        tensor(queries.map { $0 + [0, 0] }),
        adding: NewEntries(
          keys: tensor(zip(keys, values).map { $0 + $1 + [9, 9] }), values: nil, projections: projections),
        layer: 0, scale: 0.4)
      #expect(greatestDifference(a.values, b.values) <= 1e-6)
    }
  }

  private static func cache(_ store: StoreLayout) -> SequenceCache {
    SequenceCache(
      layout: CacheLayout(layers: 1, each: store), formats: EntryFormats(keys: .f32, values: .f32), policy: Full(),
      pool: PagePool())
  }
}
