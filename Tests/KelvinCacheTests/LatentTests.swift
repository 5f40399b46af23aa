import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import TestSupport
import Testing

/// Random up-projections as plain loops.
private struct RandomProjections: LatentProjections {
  let heads = 3
  let latentWidth: Int
  let rotatedWidth: Int
  let contentWidth = 5
  let valueWidth = 6
  let keyUp: [Float]
  let valueUp: [Float]

  init(latentWidth: Int, rotatedWidth: Int) {
    self.latentWidth = latentWidth
    self.rotatedWidth = rotatedWidth
    var numbers = SeededNumbers(seed: 3)
    keyUp = numbers.floats(3 * 5 * latentWidth)
    valueUp = numbers.floats(3 * 6 * latentWidth)
  }

  private func rows(_ tensor: Tensor, _ body: ([Float]) -> [Float]) -> Tensor {
    let rows = (0..<tensor.rows).map { body(tensor.values(row: $0)) }
    return tensor.processor.tensor(rows: rows.count, columns: rows.first?.count ?? 0, values: rows.flatMap { $0 })
  }

  /// `matrix[head]` `[out, latent]` times a latent.
  private func up(_ matrix: [Float], _ head: Int, _ out: Int, _ latent: ArraySlice<Float>) -> [Float] {
    (0..<out).map { row in
      zip(latent, matrix[(head * out + row) * latentWidth..<(head * out + row + 1) * latentWidth])
        .reduce(0) { $0 + $1.0 * $1.1 }
    }
  }

  func absorbed(_ queries: Tensor) -> Tensor {
    let width = contentWidth + rotatedWidth
    return rows(queries) { row in
      (0..<heads).flatMap { head in
        let query = row[head * width..<(head + 1) * width]
        let latent = (0..<latentWidth).map { channel in
          (0..<contentWidth).reduce(Float(0)) {
            $0 + query[query.startIndex + $1] * keyUp[(head * contentWidth + $1) * latentWidth + channel]
          }
        }
        return latent + query.suffix(rotatedWidth)
      }
    }
  }

  func values(ofMixed latents: Tensor) -> Tensor {
    rows(latents) { row in
      (0..<heads).flatMap { head in
        up(valueUp, head, valueWidth, row[head * latentWidth..<(head + 1) * latentWidth])
      }
    }
  }

  func expanded(_ latents: Tensor) -> (keys: Tensor, values: Tensor) {
    let keys = rows(latents) { row in
      (0..<heads).flatMap { up(keyUp, $0, contentWidth, row.prefix(latentWidth)) + row.suffix(rotatedWidth) }
    }
    let values = rows(latents) { row in
      (0..<heads).flatMap { up(valueUp, $0, valueWidth, row.prefix(latentWidth)) }
    }
    return (keys, values)
  }
}

@Suite("Latents are attended to in two equal forms")
struct LatentTests {
  private struct Outcome {
    var outputs: [[Float]] = []
    var ledger: HeadLedger?
    var report: CacheReport?
  }

  private func run(
    _ form: LatentForm, _ policy: any CachePolicy = H2O(budget: .entries(20)), format: EntryFormat = .f32,
    residual: Int = 0, latentWidth: Int = 24
  ) throws -> Outcome {
    let processor = try Processor(threads: 1)
    var numbers = SeededNumbers(seed: 9)
    let projections = RandomProjections(latentWidth: latentWidth, rotatedWidth: 8)
    let store = StoreLayout(
      heads: 1, keyWidth: latentWidth + 8, values: .prefixOfKey(width: latentWidth),
      rotary: Rotary(pairs: .adjacent, frequencies: [1, 0.3, 0.1, 0.03], isTrailing: true))
    var cache = SequenceCache(
      layout: CacheLayout(layers: 1, each: store),
      formats: EntryFormats(keys: format, values: format, residual: residual), policy: policy, pool: PagePool())
    cache.latentForm = form
    cache.beginPrompt(length: 72)
    var outcome = Outcome()
    for count in [7, 65, 1, 1, 1] {
      cache.expect(count)
      let queries = processor.tensor(rows: count, columns: 3 * 13, values: numbers.floats(count * 39))
      let latents = processor.tensor(
        rows: count, columns: latentWidth + 8, values: numbers.floats(count * (latentWidth + 8)))
      let output = try cache.attend(
        queries, adding: NewEntries(keys: latents, values: nil, projections: projections), layer: 0, scale: 0.3)
      outcome.outputs += (0..<count).map { output.values(row: $0) }
    }
    outcome.ledger = cache.ledger(store: 0).heads[0]
    outcome.report = cache.report(policy: "", budget: nil)
    return outcome
  }

  @Test("the same outputs, the same entries kept, the same attention received", arguments: [24, 64, 100])
  func forms(latentWidth: Int) throws {
    let absorbed = try run(.absorbed, latentWidth: latentWidth)
    let expanded = try run(.expanded, latentWidth: latentWidth)
    for (a, b) in zip(absorbed.outputs, expanded.outputs) { #expect(greatestDifference(a, b) < 1e-4) }
    let (a, b) = (try #require(absorbed.ledger), try #require(expanded.ledger))
    #expect(a.positions == b.positions)
    #expect(greatestDifference(Array(a.attention), Array(b.attention)) < 1e-4)
  }

  @Test("the same attention received from the newest queries", arguments: [1, 20, 400])
  func history(queries: Int) throws {
    let policy = H2O(budget: .entries(20), history: queries)
    let (absorbed, expanded) = (try run(.absorbed, policy), try run(.expanded, policy))
    let (a, b) = (try #require(absorbed.ledger), try #require(expanded.ledger))
    #expect(a.positions == b.positions)
    let sums = [a, b].map { head in (0..<head.count).map { head.attentionHistory[$0] } }
    #expect(greatestDifference(sums[0], sums[1]) < 1e-4 && sums[0].reduce(0, +) > 0.3)
  }

  @Test("the newest queries are observed for every query head in both forms")
  func observed() throws {
    let policy = SnapKV(budget: .entries(20), window: 4, kernel: 3)
    let (absorbed, expanded) = (try run(.absorbed, policy), try run(.expanded, policy))
    #expect(absorbed.ledger?.positions == expanded.ledger?.positions)
    #expect(absorbed.ledger?.count == 23)
  }

  @Test("a latent takes its own numbers and nothing for its value", arguments: EntryFormat.allCases)
  func bytes(_ format: EntryFormat) throws {
    let outcome = try run(.absorbed, Full(), format: format)
    #expect(outcome.report?.bytes == 2 * format.bytes(count: 64 * 32))
  }

  @Test("quantised latents are spread with their rotated part, and gathered again", arguments: LatentForm.allCases)
  func quantised(_ form: LatentForm) throws {
    let exact = try run(form, Full())
    for (format, residual, tolerance) in [
      (EntryFormat.q8_0, 0, Float(0.1)), (.f16, 0, 0.01), (.bf16, 0, 0.1), (.q8_0, 20, 0.1), (.q4_0, 100, 0.01),
    ] {
      let rounded = try run(form, Full(), format: format, residual: residual)
      for (a, b) in zip(exact.outputs, rounded.outputs) { #expect(greatestDifference(a, b) < tolerance, "\(format)") }
    }
  }
}
