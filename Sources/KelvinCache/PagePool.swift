import KelvinAttention
import KelvinTensors
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where pages come from and return to.
///
/// Pages are cut from mapped slabs. Pages that come back are handed out again before a new slab is mapped; all but a small
/// reserve are given to the system at once (`MADV_DONTNEED`), so the memory of evicted entries is really free. The reserve is
/// for steady decoding, where every head takes a page and gives one back in each step when its budget is whole pages: with
/// it, H2O at 1600 of 8000 entries makes 1.5 times as many steps per second.
public final class PagePool: @unchecked Sendable {
  /// Bytes that may be out at one time, those of states included; `nil`: as many as the system gives.
  public let limit: Int?

  private struct State {
    var free: [Int: [UInt]] = [:]
    /// Free pages whose memory is still there.
    var reserve: [Int: [UInt]] = [:]
    var reservedBytes = 0
    var slabs: [(address: UInt, bytes: Int)] = []
    var bytes = 0
    /// Bytes that sequences hold beside their pages.
    var heldBytes = 0
    var peakBytes = 0
    var pages = 0
  }
  private let state = Mutex(State())
  private static let slabBytes = 4 << 20
  private static let reserveBytes = 4 << 20

  /// A pool that gives `limit` bytes at most; `nil`: as many as the system gives.
  public init(limit: Int? = nil) {
    self.limit = limit
  }

  deinit {
    state.withLock { state in
      for slab in state.slabs { munmap(UnsafeMutableRawPointer(bitPattern: slab.address), slab.bytes) }
    }
  }

  /// Bytes of the pages that are out.
  public var bytes: Int { state.withLock { $0.bytes } }

  /// The most bytes that were out at one time.
  public var peakBytes: Int { state.withLock { $0.peakBytes } }

  /// Pages that are out.
  public var pages: Int { state.withLock { $0.pages } }

  /// Counts `bytes` that lie elsewhere towards the limit, until `release`.
  func hold(_ bytes: Int) throws(MemoryError) {
    let needed = state.withLock { state in
      let needed = state.bytes + state.heldBytes + bytes
      if needed <= limit ?? needed { state.heldBytes += bytes }
      return needed
    }
    if let limit, needed > limit { throw .poolExhausted(bytes: needed, limit: limit) }
  }

  /// Counts `bytes` no more that were held.
  func release(_ bytes: Int) { state.withLock { $0.heldBytes -= bytes } }

  /// Takes one page of `bytes` bytes.
  func take(bytes: Int) throws(MemoryError) -> UnsafeMutablePointer<UInt8> {
    let result: Result<UInt, MemoryError> = state.withLock { state in
      if let limit, state.bytes + state.heldBytes + bytes > limit {
        return .failure(.poolExhausted(bytes: state.bytes + state.heldBytes + bytes, limit: limit))
      }
      let reserved = state.reserve[bytes]?.popLast()
      if reserved == nil, state.free[bytes, default: []].isEmpty, !Self.map(into: &state, pageBytes: bytes) {
        return .failure(.outOfMemory(bytes: state.bytes + bytes))
      }
      state.bytes += bytes
      state.pages += 1
      state.peakBytes = max(state.peakBytes, state.bytes)
      if reserved != nil { state.reservedBytes -= bytes }
      return .success(reserved ?? state.free[bytes]?.popLast() ?? 0)
    }
    guard let page = UnsafeMutablePointer<UInt8>(bitPattern: try result.get()) else { throw .outOfMemory(bytes: bytes) }
    return page
  }

  /// Takes a page back.
  func giveBack(_ page: UnsafeMutablePointer<UInt8>, bytes: Int) {
    let isReserved = state.withLock { state in
      state.bytes -= bytes
      state.pages -= 1
      guard state.reservedBytes + bytes <= Self.reserveBytes else { return false }
      state.reservedBytes += bytes
      state.reserve[bytes, default: []].append(UInt(bitPattern: page))
      return true
    }
    guard !isReserved else { return }
    let systemPage = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = (Int(bitPattern: page) + systemPage - 1) / systemPage * systemPage
    let end = (Int(bitPattern: page) + bytes) / systemPage * systemPage
    if end > start { madvise(UnsafeMutableRawPointer(bitPattern: start), end - start, MADV_DONTNEED) }
    state.withLock { $0.free[bytes, default: []].append(UInt(bitPattern: page)) }
  }

  private static func map(into state: inout State, pageBytes: Int) -> Bool {
    let stride = (pageBytes + 63) / 64 * 64
    let bytes = max(slabBytes / stride, 1) * stride
    let slab = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let slab, slab != MAP_FAILED else { return false }
    let address = UInt(bitPattern: slab)
    state.slabs.append((address, bytes))
    for index in (0..<bytes / stride).reversed() {
      state.free[pageBytes, default: []].append(address + UInt(index * stride))
    }
    return true
  }
}
