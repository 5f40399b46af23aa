import KelvinPolicies
import KelvinTensors

extension Store {
  /// For each head and entry the cosine of its key and the mean of the directions of all keys.
  ///
  /// Keys are read as they are stored; where they are spread, so is their mean, and products stay what they are.
  func keySimilarities(on processor: Processor) -> [ContiguousArray<Float>] {
    let heads = self.heads
    let longest = heads.reduce(0) { max($0, $1.places) }
    let products = processor.tensor(rows: heads.count, columns: longest)
    let lengths = processor.tensor(rows: heads.count, columns: products.columns)
    let scratch = processor.tensor(rows: heads.count, columns: 2 * shape.keyWidth + shape.valueWidth)
    processor.parallel(heads.count) { head, _ in
      heads[head].multiplyByMeanDirection(
        into: products.pointer + head * products.columns, lengths: lengths.pointer + head * lengths.columns,
        scratch: scratch.pointer + head * scratch.columns, kernels: processor.kernels)
    }
    return heads.indices.map { head in
      let first = head * products.columns
      return ContiguousArray(
        (first..<first + heads[head].count).map { entry in
          let length = lengths.pointer[entry]
          return length > 0 ? products.pointer[entry] / length : 0
        })
    }
  }
}

extension HeadEntries {
  /// The product of every key with the mean direction of all keys, itself of length 1.
  /// - Parameters:
  ///   - products: `count` products, with room for the whole pages of each run.
  ///   - lengths: ‖k‖₂ of every key.
  ///   - scratch: `2 · Dk + Dv` numbers.
  fileprivate func multiplyByMeanDirection(
    into products: UnsafeMutablePointer<Float>, lengths: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>, kernels: Kernels
  ) {
    let width = body.shape.keyWidth
    let mean = scratch
    let key = scratch + width
    mean.update(repeating: 0, count: width)
    eachRun(of: 0..<count) { run in
      for entry in run.entries {
        kernels.read(run.table, entry: entry, key: key, value: key + width)
        let length = Self.length(of: key, count: width)
        lengths[run.first + entry] = length
        if length > 0 { kernels.add(key, times: 1 / length, to: mean, count: width) }
      }
    }
    let length = Self.length(of: mean, count: width)
    if length > 0 { kernels.multiply(mean, by: 1 / length, count: width) }
    eachRun(of: 0..<count) { run in
      kernels.scores(
        run.table, run.entries, queries: Rows(mean, stride: width), rows: 1, scale: 1,
        into: Rows(products + run.first, stride: places))
    }
  }

  private static func length(of vector: UnsafeMutablePointer<Float>, count: Int) -> Float {
    var sum: Float = 0
    for index in 0..<count { sum += vector[index] * vector[index] }
    return sum.squareRoot()
  }
}
