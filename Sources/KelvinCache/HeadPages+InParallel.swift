import KelvinAttention
import KelvinPolicies
import KelvinTensors
import Synchronization

extension Ledger {
  /// Changes every head on all threads of `processor`, one thread a head.
  /// - Throws: what one of the heads throws; the others are done nevertheless.
  mutating func changeHeads(
    on processor: Processor,
    _ body: (_ head: Int, _ ledger: inout HeadLedger, _ worker: Int) throws(MemoryError) -> Void
  ) throws(MemoryError) {
    let failure = Mutex<MemoryError?>(nil)
    heads.withUnsafeMutableBufferPointer { heads in
      processor.parallel(heads.count) { head, worker in
        do throws(MemoryError) {
          try body(head, &heads[head], worker)
        } catch {
          failure.withLock { $0 = $0 ?? error }
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }
}
