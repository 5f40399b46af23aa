import CKelvinKernels
import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Loops that tell what this machine can do, each time they are asked.
///
/// A machine that others use too changes its speed within seconds. A limit that a speed is compared with is therefore
/// measured directly before and after it, in about a twentieth of a second.
///
/// The fastest instruction set counts, whichever the processor was made with. The buffer that is read takes four times the
/// last cache, 256 MiB to 2 GiB, and at most an eighth of the memory.
public final class LimitGauge: Sendable {
  /// The best of several runs of each loop, when the gauge was made.
  public let best: MachineLimits
  private let processor: Processor
  private let memory: MemoryLoop
  private let codes, numbers: ProductLoop
  private let halves: ProductLoop?

  /// Prepares loops for the threads of `processor`, in one or two seconds.
  package init(_ processor: Processor) {
    guard let loops = kelvin_limits_named(nil) else { preconditionFailure("no kernels for this machine") }
    nonisolated(unsafe) let table = loops.pointee
    self.processor = processor
    memory = MemoryLoop(on: processor) { table.read($0, $1, $2) }
    codes = ProductLoop(on: processor) { table.products_of_codes($0) }
    numbers = ProductLoop(on: processor) { table.products_of_numbers($0) }
    halves = kelvin_products_of_bf16(1) > 0 ? ProductLoop(on: processor) { kelvin_products_of_bf16($0) } : nil
    best = MachineLimits(
      threads: processor.threads, memoryRead: memory.best, codeOperations: codes.best, numberOperations: numbers.best,
      halfOperations: halves?.best)
  }

  /// What the machine can do now; not while the processor does something else.
  package func measure() -> MachineLimits {
    MachineLimits(
      threads: processor.threads, memoryRead: memory.rate(on: processor), codeOperations: codes.rate(on: processor),
      numberOperations: numbers.rate(on: processor), halfOperations: halves?.rate(on: processor))
  }
}

/// A loop that multiplies, long enough to be timed.
private struct ProductLoop: Sendable {
  let products: @Sendable (Int32) -> Double
  /// Of one round, by all threads: two for each product.
  let operations: Double
  private(set) var rounds: Int32 = 1 << 10
  private(set) var best = 0.0

  /// Finds how many rounds take 5 ms or more; the best of five runs counts.
  init(on processor: Processor, products: @escaping @Sendable (Int32) -> Double) {
    self.products = products
    operations = 2 * products(1) * Double(processor.threads)
    var left = 5
    while left > 0 {
      let rate = rate(on: processor)
      if operations * Double(rounds) / rate < 0.005, rounds < 1 << 20 {
        rounds *= 2
      } else {
        best = max(best, rate)
        left -= 1
      }
    }
  }

  func rate(on processor: Processor) -> Double {
    operations * Double(rounds) / seconds { processor.parallel(processor.threads) { _, _ in _ = products(rounds) } }
  }
}

/// A buffer far beyond the last cache, and the loop that reads it.
private final class MemoryLoop: Sendable {
  let best: Double
  private let read: @Sendable (UnsafePointer<UInt8>, Int, Int32) -> UInt32
  private nonisolated(unsafe) let start: UnsafeMutablePointer<UInt8>
  private let part: Int
  private let streams: Int32
  /// How often the buffer is read to measure once: for 25 ms where it is faster than that.
  private let times: Int

  /// Tries 1, 2, 4 and 8 streams a thread, each twice or as often as a second allows.
  init(on processor: Processor, read: @escaping @Sendable (UnsafePointer<UInt8>, Int, Int32) -> UInt32) {
    let part = Self.bytes / processor.threads / 4096 * 4096
    let bytes = part * processor.threads
    nonisolated(unsafe) let start = Buffer.aligned(bytes: bytes).bindMemory(to: UInt8.self, capacity: bytes)
    processor.parallel(processor.threads) { piece, _ in (start + piece * part).initialize(repeating: 1, count: part) }
    var best = (rate: 0.0, streams: Int32(1))
    var total = 0.0
    for round in 0..<2 where round == 0 || total < 1 {
      for streams: Int32 in [1, 2, 4, 8] {
        let seconds = seconds {
          processor.parallel(processor.threads) { piece, _ in _ = read(start + piece * part, part, streams) }
        }
        if Double(bytes) / seconds > best.rate { best = (Double(bytes) / seconds, streams) }
        total += seconds
      }
    }
    (self.read, self.start, self.part, streams, self.best) = (read, start, part, best.streams, best.rate)
    times = max(1, Int((0.025 * best.rate / Double(bytes)).rounded()))
  }

  deinit { free(start) }

  func rate(on processor: Processor) -> Double {
    let seconds = seconds {
      for _ in 0..<times {
        processor.parallel(processor.threads) { piece, _ in _ = read(start + piece * part, part, streams) }
      }
    }
    return Double(times * part * processor.threads) / seconds
  }

  private static var bytes: Int {
    // Where the system does not say, 64 MiB is more than what most processors have.
    let path = "/sys/devices/system/cpu/cpu0/cache/index3/size"
    let said = (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { Int($0.prefix { $0.isNumber }) }
    let cache = min(said ?? 65_536, 1 << 30) * 1024
    let memory = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    return max(1 << 20, min(memory / 8, min(2 << 30, max(256 << 20, 4 * cache))))
  }
}

private func seconds(_ body: () -> Void) -> Double {
  let start = DispatchTime.now().uptimeNanoseconds
  body()
  return Double(max(1, DispatchTime.now().uptimeNanoseconds - start)) / 1e9
}
