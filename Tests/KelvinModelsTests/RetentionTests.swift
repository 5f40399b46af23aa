import Foundation
import KelvinTensors
import TestSupport
import Testing

/// The paper's three forms of gated retention: the product has the recurrent one, the others are written down here.
@Suite("Gated retention")
struct RetentionTests {
  static let (heads, keyWidth, valueWidth) = (3, 8, 5)

  /// Random rows; decays as gates of trained models have them.
  struct Rows {
    var queries, keys, values, logDecays: [Float]
    let count: Int

    init(_ count: Int) {
      var numbers = SeededNumbers(seed: 21)
      self.count = count
      queries = numbers.floats(count * heads * keyWidth)
      keys = numbers.floats(count * heads * keyWidth)
      values = numbers.floats(count * heads * valueWidth)
      logDecays = numbers.floats(count * heads).map { -abs($0) / 8 }
    }

    func part(_ range: Range<Int>) -> Rows {
      var part = self
      part = Rows(range.count)
      func cut(_ numbers: [Float], _ width: Int) -> [Float] {
        Array(numbers[range.lowerBound * width..<range.upperBound * width])
      }
      part.queries = cut(queries, heads * keyWidth)
      part.keys = cut(keys, heads * keyWidth)
      part.values = cut(values, heads * valueWidth)
      part.logDecays = cut(logDecays, heads)
      return part
    }

    /// `log γ` of the rows `from..<to` together: what row `from − 1` has decayed by at row `to − 1`.
    func decay(_ head: Int, _ from: Int, _ to: Int) -> Double {
      (from..<to).reduce(0) { $0 + Double(logDecays[$1 * heads + head]) }
    }

    /// `q_i · k_j`.
    func score(_ head: Int, _ i: Int, _ j: Int) -> Double {
      (0..<keyWidth).reduce(0) {
        $0 + Double(queries[(i * heads + head) * keyWidth + $1]) * Double(keys[(j * heads + head) * keyWidth + $1])
      }
    }
  }

  /// `O = (Q·Kᵀ ⊙ D)·V` with `D_ij = Π γ` of the rows after `j` up to `i`.
  static func parallel(_ rows: Rows) -> [Float] {
    var output: [Float] = []
    for i in 0..<rows.count {
      for head in 0..<heads {
        for channel in 0..<valueWidth {
          output.append(
            Float(
              (0...i).reduce(0.0) { sum, j in
                sum + rows.score(head, i, j) * exp(rows.decay(head, j + 1, i + 1))
                  * Double(rows.values[(j * heads + head) * valueWidth + channel])
              }))
        }
      }
    }
    return output
  }

  /// Within a chunk the parallel form; from chunk to chunk the state: `o_i += e^{c_i}·q_i·S`, then
  /// `S = e^{c_B}·S + Σ e^{c_B − c_j}·k_jᵀ·v_j`.
  static func chunkwise(_ rows: Rows, chunk: Int) -> [Float] {
    var state = [Double](repeating: 0, count: heads * keyWidth * valueWidth)
    var output: [Float] = []
    for start in stride(from: 0, to: rows.count, by: chunk) {
      let part = rows.part(start..<min(rows.count, start + chunk))
      var mixed = parallel(part)
      for i in 0..<part.count {
        for head in 0..<heads {
          for channel in 0..<valueWidth {
            let past = (0..<keyWidth).reduce(0.0) {
              $0 + Double(part.queries[(i * heads + head) * keyWidth + $1])
                * state[(head * keyWidth + $1) * valueWidth + channel]
            }
            mixed[(i * heads + head) * valueWidth + channel] += Float(exp(part.decay(head, 0, i + 1)) * past)
          }
        }
      }
      output += mixed
      for head in 0..<heads {
        for row in 0..<keyWidth {
          for column in 0..<valueWidth {
            let place = (head * keyWidth + row) * valueWidth + column
            state[place] *= exp(part.decay(head, 0, part.count))
            for j in 0..<part.count {
              state[place] +=
                exp(part.decay(head, j + 1, part.count)) * Double(part.keys[(j * heads + head) * keyWidth + row])
                * Double(part.values[(j * heads + head) * valueWidth + column])
            }
          }
        }
      }
    }
    return output
  }

  /// The product's form, in passes of `chunk` rows.
  static func recurrent(_ rows: Rows, chunk: Int, threads: Int = 1) throws -> [Float] {
    let processor = try Processor(threads: threads)
    let state = processor.state(rows: heads * keyWidth, columns: valueWidth)
    var output: [Float] = []
    for start in stride(from: 0, to: rows.count, by: chunk) {
      let part = rows.part(start..<min(rows.count, start + chunk))
      func tensor(_ values: [Float], _ width: Int) -> Tensor {
        processor.tensor(rows: part.count, columns: width, values: values)
      }
      output +=
        processor.retain(
          tensor(part.queries, heads * keyWidth), keys: tensor(part.keys, heads * keyWidth),
          values: tensor(part.values, heads * valueWidth), logDecays: tensor(part.logDecays, heads), state: state,
          heads: heads
        ).values
    }
    return output
  }

  @Test("recurrent, parallel and chunkwise forms are one computation", arguments: [1, 2, 7, 40, 41])
  func forms(chunk: Int) throws {
    let rows = Rows(40)
    let parallel = Self.parallel(rows)
    // Sums of 40 products of 32-bit floats below 1.
    #expect(greatestDifference(try Self.recurrent(rows, chunk: chunk), parallel) <= 1e-5)
    #expect(greatestDifference(Self.chunkwise(rows, chunk: chunk), parallel) <= 1e-5)
  }

  @Test("passes of any length and any number of threads give the same numbers, bit for bit")
  func determinism() throws {
    let rows = Rows(40)
    let whole = try Self.recurrent(rows, chunk: 40)
    for chunk in [1, 7] { #expect(try Self.recurrent(rows, chunk: chunk) == whole) }
    for threads in [2, 3] { #expect(try Self.recurrent(rows, chunk: 40, threads: threads) == whole) }
  }

  @Test("no rows leave the state alone")
  func nothing() throws {
    #expect(try Self.recurrent(Rows(0), chunk: 1).isEmpty)
  }

  @Test("the logarithm of a sigmoid is exact far from zero")
  func logSigmoid() throws {
    let processor = try Processor(threads: 1)
    let numbers: [Float] = [-200, -20, -1, 0, 1, 20, 200]
    let found = processor.tensor(rows: 1, columns: 7, values: numbers).logSigmoid(dividedBy: 2).values
    let expected = numbers.map { Float(-log1p(exp(-Double($0))) / 2) }
    #expect(greatestDifference(Array(found.dropFirst()), Array(expected.dropFirst())) <= 1e-6)
    #expect(found[0] == -100)
  }
}
