import Foundation

/// `−ln softmax(logits)[token]`, in double precision.
public func negativeLogLikelihood(_ logits: [Float], of token: Int32) -> Double {
  let top = Double(logits.max() ?? 0)
  return top + log(logits.reduce(0.0) { $0 + exp(Double($1) - top) }) - Double(logits[Int(token)])
}

/// The largest distance of two elements at the same place; infinite where one is not a number or the counts differ.
public func greatestDifference<Number: BinaryFloatingPoint>(_ a: [Number], _ b: [Number]) -> Number {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).reduce(0) { max($0, ($1.0 - $1.1).isNaN ? .infinity : abs($1.0 - $1.1)) }
}

/// The index of the largest number; of equal ones the first.
public func indexOfLargest(_ numbers: [Float]) -> Int32 {
  Int32(numbers.indices.max { numbers[$0] < numbers[$1] || (numbers[$0] == numbers[$1] && $0 > $1) } ?? 0)
}
