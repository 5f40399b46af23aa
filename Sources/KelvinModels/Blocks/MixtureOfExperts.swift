import KelvinTensors

/// A feed-forward part of which every token uses a few experts, and some shared ones.
///
/// The rows that chose an expert go through it together; a row's experts are added in ascending order. So a row's result
/// depends on that row alone, whatever else is in the pass.
struct MixtureOfExperts: Sendable {
  let routing: ExpertRouting
  /// `[experts, hidden]`.
  let router: Weight
  let correction: ContiguousArray<Float>?
  let experts: [GatedFeedForward]
  /// What every token uses; `nil`: nothing.
  let shared: GatedFeedForward?

  var bytes: Int { router.bytes + experts.reduce(shared?.bytes ?? 0) { $0 + $1.bytes } }

  /// `x` `[T, hidden]` → `[T, hidden]`.
  func callAsFunction(_ x: Tensor) -> Tensor {
    let choices = choices(x)
    let output = shared.map { $0(x) } ?? x.processor.zeros(rows: x.rows, columns: x.columns)
    var rows = Array(repeating: [Int](), count: experts.count)
    var weights = Array(repeating: [Float](), count: experts.count)
    for (row, choices) in choices.enumerated() {
      for choice in choices {
        rows[choice.expert].append(row)
        weights[choice.expert].append(choice.weight)
      }
    }
    for (expert, rows) in zip(experts.indices, rows) where !rows.isEmpty {
      output.add(experts[expert](x.gathered(rows: rows)), times: weights[expert], toRows: rows)
    }
    return output
  }

  /// What each row of `x` `[T, hidden]` chooses.
  func choices(_ x: Tensor) -> [[ExpertRouting.Choice]] {
    let outputs = x.multiplied(by: router)
    return (0..<x.rows).map { routing.choices(outputs.values(row: $0), correction: correction) }
  }
}
