import Foundation
import KelvinCache
import KelvinTensors

/// The sequences of a bench, which are alike and read the same.
final class BenchSequences {
  private let sequences: [ActiveSequence]
  private let steps: Int
  /// Live entries of a sequence before the clock started: `[store][head]`.
  private(set) var entriesBefore: [[Int]] = []

  init(
    _ bench: BenchCase, _ loaded: LoadedModel, options: CacheOptions, processor: Processor
  ) throws(EngineError) {
    steps = bench.prompt > 0 ? 0 : bench.generated
    var sequences: [ActiveSequence] = []
    for _ in 0..<bench.batch {
      let sequence = try ActiveSequence(loaded, options: options, processor: processor)
      try sequence.checkRoom(for: bench.depth + bench.prompt + bench.generated)
      sequences.append(sequence)
    }
    self.sequences = sequences
  }

  /// What one of them keeps.
  var report: CacheReport { sequences[0].report }

  /// Live entries of one of them: `[store][head]`.
  var entryCounts: [[Int]] { sequences[0].owner.cache.keptPositions.map { $0.map(\.count) } }

  /// Whether steps had better go on from here: entries have left, and there is room for as many steps again.
  var goesOn: Bool {
    steps > 0 && report.kept < Double(report.seen) && (try? sequences[0].checkRoom(for: steps)) != nil
  }

  /// Each has read `prompt` and nothing else.
  func goBack(to prompt: ArraySlice<Int32>) throws(EngineError) {
    for sequence in sequences {
      let rest = prompt.dropFirst(sequence.keepPrefix(of: Array(prompt)))
      if !rest.isEmpty { _ = try sequence.read(prompt: Array(rest)) }
    }
    entriesBefore = entryCounts
  }

  /// The seconds in which all of them read a prompt, one after the other, or a token, together.
  func read(_ tokens: ArraySlice<Int32>) throws(EngineError) -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    if steps == 0 {
      for sequence in sequences { _ = try sequence.read(prompt: Array(tokens)) }
    } else if sequences.count == 1 {
      for token in tokens { _ = try sequences[0].read(token) }
    } else {
      for token in tokens { _ = try ActiveSequence.step(sequences, Array(repeating: token, count: sequences.count)) }
    }
    return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
  }
}
