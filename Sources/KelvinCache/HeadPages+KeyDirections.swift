import KelvinTensors

/// The sum of the directions of a head's keys, `Σ k_j/‖k_j‖`, kept while single entries come and go.
///
/// It counts in whole numbers of 2⁻⁴⁰: an entry that leaves takes away exactly what it brought, so the sum is that of the entries that
/// are there, bit for bit, in whatever order they came. Adding all of them up in every step took 81 % of a step's speed with 1600
/// entries (`kelvin bench -p 0 -d 1600 -n 16 -r 40 --beside keydiff:budget=1608`).
struct KeyDirections {
  private static let unit = 0x1p40
  private var sums: [Int64]
  /// Keys that are in the sum.
  private(set) var count = 0

  init(width: Int) { sums = Array(repeating: 0, count: width) }

  mutating func add(_ key: UnsafePointer<Float>) { include(key, sign: 1) }

  /// Takes out a key that was added.
  mutating func remove(_ key: UnsafePointer<Float>) { include(key, sign: -1) }

  /// A key without direction counts, and adds nothing.
  private mutating func include(_ key: UnsafePointer<Float>, sign: Int) {
    count += sign
    let length = Self.length(of: key, count: sums.count)
    guard length > 0, length.isFinite else { return }
    let factor = Self.unit * Double(sign) / Double(length)
    for channel in sums.indices { sums[channel] += Int64((Double(key[channel]) * factor).rounded()) }
  }

  /// Writes the mean direction, of length 1; zeros where directions cancel out.
  func writeMean(to mean: UnsafeMutablePointer<Float>) {
    for channel in sums.indices { mean[channel] = Float(Double(sums[channel]) / Self.unit) }
    let length = Self.length(of: mean, count: sums.count)
    for channel in sums.indices { mean[channel] = length > 0 ? mean[channel] / length : 0 }
  }

  private static func length(of vector: UnsafePointer<Float>, count: Int) -> Float {
    var sum: Float = 0
    for index in 0..<count { sum += vector[index] * vector[index] }
    return sum.squareRoot()
  }
}

extension HeadEntries {
  /// The sum of the directions of all keys; those that were not followed are read again.
  func followDirections(kernels: Kernels) -> KeyDirections {
    if let directions, directions.count == count { return directions }
    var sum = KeyDirections(width: body.shape.keyWidth)
    withKeys(of: 0..<count, kernels: kernels) { sum.add($0) }
    directions = sum
    return sum
  }

  /// Follows an entry that has been written, unless it was followed when it was announced.
  func addDirection(of entry: Int, kernels: Kernels) {
    guard directions != nil, !isAnnounced else { return isAnnounced = false }
    withKeys(of: entry..<entry + 1, kernels: kernels) { directions?.add($0) }
  }

  /// Follows the entry that a step is about to write: the key that will be read again, after rounding.
  /// - Parameter page: room for a page that nobody keeps.
  func announceDirection(of newest: NewestEntry, head: Int, page: Tensor, kernels: Kernels) {
    let shape = body.shape
    let key = newest.keys.pointer + head * shape.keyWidth
    let value = newest.values.map { $0.pointer + head * shape.valueWidth } ?? key
    withUnsafeTemporaryAllocation(of: Float.self, capacity: shape.keyWidth + shape.valueWidth) { scratch in
      page.pointer.withMemoryRebound(to: UInt8.self, capacity: shape.bytes) { start in
        withUnsafePointer(to: Optional(start)) { start in
          guard let rounded = scratch.baseAddress else { return }
          let table = PageTable(start, shape: shape)
          kernels.write(table, first: 0, count: 1, keys: Rows(key, stride: 0), values: Rows(value, stride: 0))
          kernels.read(table, entry: 0, key: rounded, value: rounded + shape.keyWidth)
          directions?.add(rounded)
        }
      }
    }
    isAnnounced = true
  }

  /// Follows an entry that leaves.
  func removeDirection(of entry: Int, kernels: Kernels) {
    guard directions != nil else { return }
    withKeys(of: entry..<entry + 1, kernels: kernels) { directions?.remove($0) }
  }

  private func withKeys(of entries: Range<Int>, kernels: Kernels, _ body: (UnsafePointer<Float>) -> Void) {
    let shape = self.body.shape
    withUnsafeTemporaryAllocation(of: Float.self, capacity: shape.keyWidth + shape.valueWidth) { scratch in
      guard let key = scratch.baseAddress else { return }
      eachRun(of: entries) { run in
        for entry in run.entries {
          kernels.read(run.table, entry: entry, key: key, value: key + shape.keyWidth)
          body(key)
        }
      }
    }
  }
}
