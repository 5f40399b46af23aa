import Foundation
import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors
import Synchronization
import TestSupport
import Testing

#if os(Linux)
  /// What the system says that this process holds, of caches so large that nothing else matters.
  ///
  /// Other tests take memory as well, so each of these runs in a process of its own.
  @Suite("Memory that a report says is gone is gone for the system as well")
  struct ResidentMemoryTests {
    /// One layer of four heads: 8 KiB a token.
    private static let layout = CacheLayout(
      layers: 1, each: StoreLayout(heads: 4, keyWidth: 256, values: .stored(width: 256), rotary: nil))
    private static let formats = EntryFormats(keys: .f32, values: .f32)
    private static let chunk = 1600
    private static let tokens = 16 * chunk

    /// Reads a prompt of random keys chunk by chunk; `body` is called after each chunk, with the bytes that have grown.
    private static func read(
      _ policy: some CachePolicy, reviewsChunks: Bool, _ body: (borrowing SequenceCache, _ grown: Int) throws -> Void
    ) throws {
      let processor = try Processor(threads: 1)
      var numbers = SeededNumbers(seed: 4)
      let rows = processor.tensor(
        rows: Self.chunk, columns: 1024, values: numbers.floats(Self.chunk * 1024))
      let pool = PagePool()
      var cache = SequenceCache(layout: Self.layout, formats: Self.formats, policy: policy, pool: pool)
      cache.beginPrompt(length: Self.tokens)
      let before = try ResidentMemory.bytes()
      for _ in 0..<Self.tokens / Self.chunk {
        cache.expect(Self.chunk, reviewsChunks: reviewsChunks)
        // The last row alone attends: what matters here are the entries.
        _ = try cache.attend(rows[rows: 0..<1], adding: NewEntries(keys: rows, values: rows), layer: 0, scale: 1)
        try body(cache, ResidentMemory.bytes() - before)
      }
      #expect(cache.keptPositions[0].allSatisfy { $0.count == Self.tokens / 5 })
      #expect(pool.bytes == cache.report(policy: "", budget: nil).bytes)
    }

    @Test("when four of five entries leave 200 MiB, at least three quarters of their bytes return to the system")
    func eviction() async {
      await #expect(processExitsWith: .success) {
        let full = ResidentMemoryTests.layout.fullBytes(
          formats: ResidentMemoryTests.formats, tokens: ResidentMemoryTests.tokens)
        #expect(full == 200 << 20)
        let weighing = Weighing(H2O(budget: .fraction(0.2)))
        var (after, kept) = (0, full)
        try ResidentMemoryTests.read(weighing, reviewsChunks: false) { cache, grown in
          after = grown
          kept = cache.report(policy: "", budget: nil).bytes
        }
        #expect(kept == full / 5)
        #expect(weighing.heaviest - weighing.lightest > full * 9 / 10)
        #expect(after < kept + (full - kept) / 4)
      }
    }

    @Test("with reviews between chunks the process never holds more than the budget and one chunk")
    func chunks() async {
      await #expect(processExitsWith: .success) {
        let (layout, formats) = (ResidentMemoryTests.layout, ResidentMemoryTests.formats)
        let (tokens, chunk) = (ResidentMemoryTests.tokens, ResidentMemoryTests.chunk)
        let most = layout.fullBytes(formats: formats, tokens: tokens / 5 + chunk)
        let full = layout.fullBytes(formats: formats, tokens: tokens)
        let weighing = Weighing(H2O(budget: .fraction(0.2)))
        var pool = 0
        try ResidentMemoryTests.read(weighing, reviewsChunks: true) { cache, _ in
          pool = max(pool, cache.pagePool.peakBytes)
        }
        #expect(pool <= most)
        // Scratch for the keys of a pass, and the pool's reserve, come on top.
        #expect(weighing.heaviest - weighing.lightest < most + full / 8)
      }
    }
  }

  /// A policy of the tests that weighs the process before every review, when a pass has most entries.
  private struct Weighing<Host: ScoringPolicy>: CachePolicy {
    private final class Weights: Sendable {
      let all = Mutex<[Int]>([])
    }
    private let weights = Weights()
    private var host: Host

    init(_ host: Host) {
      self.host = host
      note()
    }

    var records: Records { host.records }
    var places: Places { host.places }
    var lightest: Int { weights.all.withLock { $0.min() ?? 0 } }
    var heaviest: Int { weights.all.withLock { $0.max() ?? 0 } }

    mutating func begin(at place: StorePlace, promptLength: Int) { host.begin(at: place, promptLength: promptLength) }
    mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {
      note()
      host.review(ledger, at: moment, edits: &edits)
    }

    private func note() {
      let bytes = (try? ResidentMemory.bytes()) ?? 0
      weights.all.withLock { $0.append(bytes) }
    }
  }

  /// The memory of this process that lies in no file.
  private enum ResidentMemory {
    static func bytes() throws -> Int {
      let text = try String(contentsOfFile: "/proc/self/smaps_rollup", encoding: .utf8)
      let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("Anonymous:") })
      return try #require(Int(line.split(separator: " ")[1])) << 10
    }
  }
#endif
