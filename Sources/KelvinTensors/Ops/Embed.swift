extension Weight {
  /// The rows of an embedding table: `tokens` `[T]` → `[T, columns]`.
  ///
  /// Every token must be a row of the table.
  public func rows(of tokens: [Int32], on processor: Processor) -> Tensor {
    precondition(tokens.allSatisfy { $0 >= 0 && Int($0) < rows }, "\(name): a token outside 0..<\(rows)")
    let output = processor.tensor(rows: tokens.count, columns: columns)
    processor.gather(tokens, from: self, into: output)
    return output
  }
}
