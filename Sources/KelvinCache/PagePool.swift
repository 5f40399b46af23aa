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
/// Pages are cut from mapped slabs. A page that comes back is given to the system at once (`MADV_DONTNEED`), so the
/// memory of evicted entries is really free, and is handed out again before a new slab is mapped.
public final class PagePool: @unchecked Sendable {
  /// Bytes that may be out at one time; `nil`: as many as the system gives.
  public let limit: Int?

  private struct State {
    var free: [Int: [UInt]] = [:]
    var slabs: [(address: UInt, bytes: Int)] = []
    var bytes = 0
    var peakBytes = 0
    var pages = 0
  }
  private let state = Mutex(State())
  private static let slabBytes = 4 << 20

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

  /// Takes one page of `bytes` bytes.
  func take(bytes: Int) throws(MemoryError) -> UnsafeMutablePointer<UInt8> {
    let result: Result<UInt, MemoryError> = state.withLock { state in
      if let limit, state.bytes + bytes > limit {
        return .failure(.poolExhausted(bytes: state.bytes + bytes, limit: limit))
      }
      if state.free[bytes, default: []].isEmpty, !Self.map(into: &state, pageBytes: bytes) {
        return .failure(.outOfMemory(bytes: state.bytes + bytes))
      }
      state.bytes += bytes
      state.pages += 1
      state.peakBytes = max(state.peakBytes, state.bytes)
      return .success(state.free[bytes]?.popLast() ?? 0)
    }
    guard let page = UnsafeMutablePointer<UInt8>(bitPattern: try result.get()) else { throw .outOfMemory(bytes: bytes) }
    return page
  }

  /// Takes a page back.
  func giveBack(_ page: UnsafeMutablePointer<UInt8>, bytes: Int) {
    let systemPage = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = (Int(bitPattern: page) + systemPage - 1) / systemPage * systemPage
    let end = (Int(bitPattern: page) + bytes) / systemPage * systemPage
    if end > start { madvise(UnsafeMutableRawPointer(bitPattern: start), end - start, MADV_DONTNEED) }
    state.withLock { state in
      state.free[bytes, default: []].append(UInt(bitPattern: page))
      state.bytes -= bytes
      state.pages -= 1
    }
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
