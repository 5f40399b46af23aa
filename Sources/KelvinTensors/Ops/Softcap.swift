extension Tensor {
  /// `limit · tanh(self / limit)`, element by element (Gemma 2).
  public func softcapped(_ limit: Float) -> Tensor {
    let output = self[rows: 0..<rows]
    processor.softcap(output, limit: limit)
    return output
  }
}
