/// What operations run on: the kernels of one instruction set, worker threads, and memory that goes round.
///
/// One thread at a time may use a processor; the engine gives each its own.
public final class Processor: @unchecked Sendable {
  /// The kernels of the instruction set in use.
  public let kernels: Kernels
  let workers: Workers
  /// Buffers by the power of two of their capacity.
  ///
  /// One that only this list refers to is free.
  private var pool: [[Buffer]] = Array(repeating: [], count: 40)

  /// - Parameters:
  ///   - threads: worker threads, the caller's included; `nil` takes the number of processors that are online.
  ///   - kernels: an instruction set; `nil` takes the fastest that rounds nothing but what is stored in few bits.
  public init(threads: Int? = nil, kernels: Kernels.Variant? = nil) throws(TensorError) {
    self.kernels = try Kernels(kernels)
    workers = Workers(count: threads ?? Workers.onlineProcessors)
  }

  private init(laneOf kernels: Kernels) {
    self.kernels = kernels
    workers = Workers(count: 1)
  }

  deinit { workers.stop() }

  /// Processors of one thread each, one for each worker of `parallel`: for pieces that are operations themselves.
  public private(set) lazy var lanes: [Processor] = (0..<threads).map { _ in Processor(laneOf: kernels) }

  /// The number of threads that operations use, the caller's included.
  public var threads: Int { workers.count }

  /// A tensor of `rows` × `columns` numbers with undefined contents.
  public func tensor(rows: Int, columns: Int) -> Tensor {
    Tensor(rows: rows, columns: columns, buffer: buffer(count: rows * columns), processor: self)
  }

  /// A tensor of zeros.
  public func zeros(rows: Int, columns: Int) -> Tensor {
    let result = tensor(rows: rows, columns: columns)
    result.clear()
    return result
  }

  /// A tensor of zeros whose memory is exactly as large and does not go round: for what stays from pass to pass.
  public func state(rows: Int, columns: Int) -> Tensor {
    let result = Tensor(rows: rows, columns: columns, buffer: Buffer(capacity: rows * columns), processor: self)
    result.clear()
    return result
  }

  /// A tensor with the given contents, row after row.
  public func tensor(rows: Int, columns: Int, values: [Float]) -> Tensor {
    precondition(values.count == rows * columns, "\(values.count) values for a tensor of \(rows) × \(columns)")
    let result = tensor(rows: rows, columns: columns)
    result.fill(from: values)
    return result
  }

  /// Runs `body(piece, worker)` for every piece on all threads.
  ///
  /// Pieces must be independent of each other.
  public func parallel(_ pieces: Int, _ body: (_ piece: Int, _ worker: Int) -> Void) {
    workers.run(pieces, body)
  }

  /// Runs `body(piece, worker)` for every piece on all threads, neighbouring pieces on the same one as far as possible.
  ///
  /// For pieces that have memory in common with their neighbours: between the processors' caches it travels slowly.
  public func parallelInRuns(_ pieces: Int, _ body: (_ piece: Int, _ worker: Int) -> Void) {
    workers.run(pieces, inRuns: true, body)
  }

  /// The piece that comes next for `worker`, as a rule, within `parallelInRuns`.
  package func nextPiece(of worker: Int) -> Int? { workers.nextPiece(of: worker) }

  private func buffer(count: Int) -> Buffer {
    let power = max(6, Int.bitWidth - max(1, count - 1).leadingZeroBitCount)
    for index in pool[power].indices where isKnownUniquelyReferenced(&pool[power][index]) {
      pool[power][index].isQuantised = false
      pool[power][index].isHalved = false
      return pool[power][index]
    }
    let buffer = Buffer(capacity: 1 << power)
    pool[power].append(buffer)
    return buffer
  }
}
