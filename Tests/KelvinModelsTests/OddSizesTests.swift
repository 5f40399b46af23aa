import KelvinCheckpoints
import KelvinModels
import KelvinTensors
import TestModels
import TestSupport
import Testing

/// Kernels work in panels of 16 rows and stretches of 32 columns; models need not.
@Suite("Weights of any size multiply as the definition says")
struct OddSizesTests {
  /// A weight of random numbers and the same numbers.
  private static func weight(
    rows: Int, columns: Int, exact: Bool, processor: Processor
  ) throws -> (Weight, [Float]) {
    var numbers = SeededNumbers(seed: UInt64(rows * 1000 + columns))
    let values = numbers.floats(rows * columns)
    let stored = StoredTensor(
      name: "weight", shape: [rows, columns], format: .f32, source: ArraySource(values), range: 0..<values.count * 4)
    return (try Weight(stored, exact: exact, processor: processor), values)
  }

  private static let sizes = [1, 2, 15, 16, 17, 31, 33, 47, 65, 100]

  @Test("rows and columns of every size, for one input row and for many", arguments: sizes, sizes)
  func product(rows: Int, columns: Int) throws {
    let processor = try Processor(threads: 1)
    let (weight, values) = try Self.weight(rows: rows, columns: columns, exact: true, processor: processor)
    var numbers = SeededNumbers(seed: 9)
    for inputs in [1, 2, 5, 17] {
      let x = numbers.floats(inputs * columns)
      let output = processor.tensor(rows: inputs, columns: columns, values: x).multiplied(by: weight).values
      var expected: [Double] = []
      for input in 0..<inputs {
        for row in 0..<rows {
          expected.append(
            (0..<columns).reduce(0.0) { $0 + Double(x[input * columns + $1]) * Double(values[row * columns + $1]) })
        }
      }
      // At most 100 products below 1, each wrong by 2⁻²⁴.
      #expect(greatestDifference(output.map(Double.init), expected) <= 1e-5)
    }
  }

  @Test("several products in one pass are the same as one by one, bit for bit")
  func together() throws {
    let processor = try Processor(threads: 2)
    var numbers = SeededNumbers(seed: 4)
    let x = processor.tensor(rows: 3, columns: 33, values: numbers.floats(99))
    let a = try Self.weight(rows: 17, columns: 33, exact: false, processor: processor).0
    let b = try Self.weight(rows: 5, columns: 33, exact: false, processor: processor).0
    let c = try Self.weight(rows: 48, columns: 33, exact: false, processor: processor).0
    let alone = [a, b, c].map { x.multiplied(by: $0).values }
    let (two, three) = (x.multiplied(by: a, b), x.multiplied(by: a, b, c))
    #expect([two.0.values, two.1.values] == Array(alone.prefix(2)))
    #expect([three.0.values, three.1.values, three.2.values] == alone)
  }

  @Test("an embedding gives back its rows, whatever their order")
  func rows() throws {
    let processor = try Processor(threads: 1)
    let (weight, values) = try Self.weight(rows: 19, columns: 7, exact: true, processor: processor)
    let tokens: [Int32] = [18, 0, 7, 7, 16, 15]
    let expected = tokens.flatMap { values[Int($0) * 7..<Int($0) * 7 + 7] }
    #expect(weight.rows(of: tokens, on: processor).values == expected)
  }
}
