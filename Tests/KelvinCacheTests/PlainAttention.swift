import Foundation

/// One head's attention as its definition says it, in double precision, without positions.
struct PlainAttention {
  var scale = 1.0
  var softcap: Double?
  var hasZeroSink = false

  /// What one query reads of the entries it sees.
  func callAsFunction(_ query: [Float], _ entries: [(key: [Float], value: [Float])]) -> [Double] {
    var scores = entries.map { entry in
      zip(query, entry.key).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } * scale
    }
    if let softcap { scores = scores.map { softcap * tanh($0 / softcap) } }
    let weights = scores.map { exp($0) }
    let sum = weights.reduce(hasZeroSink ? 1 : 0, +)
    var output = [Double](repeating: 0, count: entries.first?.value.count ?? 0)
    for (weight, entry) in zip(weights, entries) {
      for channel in output.indices { output[channel] += weight / sum * Double(entry.value[channel]) }
    }
    return output
  }
}
