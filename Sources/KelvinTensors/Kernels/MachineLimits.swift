import CKelvinKernels
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a machine can do at most, measured by loops that do nothing else.
///
/// Rates are per second and of all threads together; an operation is a multiplication or an addition. The best of several
/// runs counts, because a limit is what the machine reaches when nothing disturbs it.
public struct MachineLimits: Sendable, Hashable, Encodable {
  /// Threads that were measured.
  public var threads: Int
  /// Bytes read from memory, from a buffer far beyond the last cache.
  public var memoryRead: Double
  /// Operations with int8 codes, summed as integers.
  public var codeOperations: Double
  /// Operations with 32-bit floats.
  public var numberOperations: Double
  /// Operations with bfloat16, summed as 32-bit floats; `nil` where the processor has no instruction for them.
  public var halfOperations: Double?

  /// Limits that are known.
  public init(
    threads: Int, memoryRead: Double, codeOperations: Double, numberOperations: Double, halfOperations: Double? = nil
  ) {
    self.threads = threads
    self.memoryRead = memoryRead
    self.codeOperations = codeOperations
    self.numberOperations = numberOperations
    self.halfOperations = halfOperations
  }

  enum CodingKeys: String, CodingKey {
    case threads
    case memoryRead = "memory_read_gbs"
    case codeOperations = "int8_gops"
    case numberOperations = "f32_gflops"
    case halfOperations = "bf16_gflops"
  }

  /// Writes rates in thousands of millions; `bf16_gflops` only where there is one.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(threads, forKey: .threads)
    try container.encode(memoryRead / 1e9, forKey: .memoryRead)
    try container.encode(codeOperations / 1e9, forKey: .codeOperations)
    try container.encode(numberOperations / 1e9, forKey: .numberOperations)
    try container.encodeIfPresent(halfOperations.map { $0 / 1e9 }, forKey: .halfOperations)
  }
}

extension Processor {
  /// Measures this machine with the threads of the processor, in one or two seconds.
  ///
  /// The fastest instruction set counts, whichever the processor was made with. The buffer that is read takes four times the
  /// last cache, 256 MiB to 2 GiB, and at most an eighth of the memory.
  public func measureLimits() -> MachineLimits {
    guard let loops = kelvin_limits_named(nil) else { preconditionFailure("no kernels for this machine") }
    nonisolated(unsafe) let table = loops.pointee
    return MachineLimits(
      threads: threads, memoryRead: readRate { table.read($0, $1, $2) },
      codeOperations: operationRate { table.products_of_codes($0) },
      numberOperations: operationRate { table.products_of_numbers($0) },
      halfOperations: kelvin_products_of_bf16(1) > 0 ? operationRate { kelvin_products_of_bf16($0) } : nil)
  }

  /// Two operations a product; the best of five runs of 10 ms or more.
  private func operationRate(_ products: @Sendable (Int32) -> Double) -> Double {
    let operations = 2 * products(1) * Double(threads)
    var rounds: Int32 = 1 << 10
    var best = 0.0
    var left = 5
    while left > 0 {
      let seconds = Self.seconds { parallel(threads) { _, _ in _ = products(rounds) } }
      if seconds < 0.01, rounds < 1 << 20 {
        rounds *= 2
      } else {
        best = max(best, operations * Double(rounds) / seconds)
        left -= 1
      }
    }
    return best
  }

  /// The best of 1, 2, 4 and 8 streams a thread, each read twice or as often as a second allows.
  private func readRate(_ read: @Sendable (UnsafePointer<UInt8>, Int, Int32) -> UInt32) -> Double {
    let part = Self.limitBufferBytes / threads / 4096 * 4096
    let buffer = Buffer.aligned(bytes: part * threads).bindMemory(to: UInt8.self, capacity: part * threads)
    defer { free(buffer) }
    nonisolated(unsafe) let start = buffer
    parallel(threads) { piece, _ in (start + piece * part).initialize(repeating: 1, count: part) }
    var best = 0.0
    var total = 0.0
    for round in 0..<2 where round == 0 || total < 1 {
      for streams: Int32 in [1, 2, 4, 8] {
        let seconds = Self.seconds {
          parallel(threads) { piece, _ in _ = read(start + piece * part, part, streams) }
        }
        best = max(best, Double(part * threads) / seconds)
        total += seconds
      }
    }
    return best
  }

  private static var limitBufferBytes: Int {
    // Where the system does not say, 64 MiB is more than what most processors have.
    let path = "/sys/devices/system/cpu/cpu0/cache/index3/size"
    let said = (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { Int($0.prefix { $0.isNumber }) }
    let cache = min(said ?? 65_536, 1 << 30) * 1024
    let memory = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    return max(1 << 20, min(memory / 8, min(2 << 30, max(256 << 20, 4 * cache))))
  }

  private static func seconds(_ body: () -> Void) -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    body()
    return Double(max(1, DispatchTime.now().uptimeNanoseconds - start)) / 1e9
  }
}
