import Foundation
import KelvinCache
import KelvinEngine
import KelvinTensors
import TestSupport
import Testing

/// Kernels that multiply pairs of bfloat16, or tiles where there are many tokens: tokens of a prompt, and whether they do.
private let roundingProducts: [(kernels: Kernels.Variant, tokens: Int, isMultiplied: Bool)] = [
  (.avx512bf16, 12, true), (.avx512amx, 12, false), (.avx512amx, 100, true),
].filter { Kernels.available.contains($0.0) }

@Suite("What a pass must do, and how near a speed comes to it")
struct LimitTests {
  /// A byte and an operation a second: seconds are bytes or operations.
  static let slow = MachineLimits(threads: 1, memoryRead: 1, codeOperations: 1, numberOperations: 1)
  // llama-gqa: 3 layers, hidden 64, 4 query and 2 KV heads of 16, feed-forward 48, a vocabulary of 320, which are both ends.
  static let layerNumbers = 3 * (64 * 64 * 2 + 2 * 64 * 32 + 3 * 64 * 48)
  static let headNumbers = 320 * 64
  // The output projection and the feed-forward part of the last layer.
  static let wantedNumbers = 64 * 64 + 3 * 64 * 48

  /// What a prompt multiplies: nobody reads the rows of the last layer but one.
  static func promptNumbers(_ tokens: Int) -> Int {
    tokens * (layerNumbers - wantedNumbers) + wantedNumbers + headNumbers
  }

  // In 32-bit floats; the 48 columns of the last product of a layer are padded to whole blocks of 32.
  static let weightBytes = 4 * (layerNumbers + 3 * 64 * 16 + headNumbers)

  private func demand(_ bench: BenchCase, _ change: (inout CacheOptions) -> Void = { _ in }) async throws -> PassDemand?
  {
    var options = CacheOptions()
    change(&options)
    return try await TinyEngine.make().bench(bench, repetitions: 1, options: options).demand
  }

  @Test("a step reads every weight, and every entry as it is stored")
  func steps() async throws {
    let found = try #require(try await demand(BenchCase(prompt: 0, generated: 2, depth: 9)))
    // The mean of 9 entries before and 11 after; 16 + 16 numbers of 2 bytes each, in 2 heads of 3 layers.
    let entries = 10 * 32 * 2 * 2 * 3
    #expect(found.bytes == Double(2 * (Self.weightBytes + entries)))
    #expect(found.codeOperations == 0)
    let attention = 2 * 4 * 3 * 10 * 32
    let products = 2 * (Self.layerNumbers + Self.headNumbers)
    #expect(found.numberOperations == Double(2 * (products + attention)))
  }

  @Test("a batch reads the weights once, and the entries of each sequence")
  func batch() async throws {
    let one = try #require(try await demand(BenchCase(prompt: 0, generated: 4, depth: 8)))
    let three = try #require(try await demand(BenchCase(prompt: 0, generated: 4, depth: 8, batch: 3)))
    #expect(three.numberOperations == 3 * one.numberOperations)
    let weights = Double(4 * Self.weightBytes)
    #expect(three.bytes - weights == 3 * (one.bytes - weights))
  }

  @Test("a prompt attends to what is there and to itself, and wants one row of logits")
  func prompt() async throws {
    for chunk in [5, 512] {
      let found = try #require(
        try await demand(BenchCase(prompt: 12, generated: 0, depth: 7)) { $0.chunk = chunk })
      let met = (1...12).reduce(0) { $0 + 7 + $1 }
      let attention = 2 * 4 * 3 * met * 32
      let products = 2 * Self.promptNumbers(12)
      #expect(found.numberOperations == Double(products + attention))
    }
  }

  @Test(
    "attention of a prompt that is rounded to bfloat16 counts as such, unless entries are 32-bit floats",
    .enabled(if: Kernels.Variant.rounding?.roundsAttention == true))
  func rounding() async throws {
    var options = Engine.Options()
    options.threads = 1
    let engine = try await Engine(path: Fixtures.path("llama-gqa"), options: options)
    let bench = BenchCase(prompt: 12, generated: 0, depth: 7)
    let halves = try #require(try await engine.bench(bench, repetitions: 1, options: CacheOptions()).demand)
    let met = (1...12).reduce(0) { $0 + 7 + $1 }
    #expect(halves.halfOperations == Double(2 * 4 * 3 * met * 32))
    var floats = CacheOptions()
    floats.formats = EntryFormats(keys: .f32, values: .f32)
    let plain = try #require(try await engine.bench(bench, repetitions: 1, options: floats).demand)
    #expect(plain.halfOperations == 0)
    #expect(plain.numberOperations == halves.numberOperations + halves.halfOperations)
  }

  @Test(
    "products with weights in bfloat16 count as such where activations are rounded to it",
    .enabled(if: !roundingProducts.isEmpty), arguments: roundingProducts.indices)
  func roundedProducts(index: Int) async throws {
    let (kernels, tokens, isMultiplied) = roundingProducts[index]
    let halves = isMultiplied ? Self.promptNumbers(tokens) - (tokens < 96 ? 0 : Self.promptNumbers(0)) : 0
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("bf16.gguf").path
      var conversion = ConversionOptions()
      conversion.type = .bf16
      try ModelConversion(from: Fixtures.path("llama-gqa"), to: path, options: conversion).write()
      var (options, cache) = (Engine.Options(), CacheOptions())
      options.threads = 1
      options.kernels = kernels
      // So attention does not count.
      cache.formats = EntryFormats(keys: .f32, values: .f32)
      let bench = BenchCase(prompt: tokens, generated: 0, depth: 0)
      let rounded = try await Engine(path: path, options: options).bench(bench, repetitions: 1, options: cache).demand
      #expect(rounded?.halfOperations == Double(2 * halves))
      options.kernels = .scalar
      options.isExact = true
      let exact = try await Engine(path: path, options: options).bench(bench, repetitions: 1, options: cache).demand
      #expect(exact?.halfOperations == 0)
      #expect(exact?.numberOperations == rounded.map { $0.numberOperations + Double(2 * halves) })
    }
  }

  @Test("an evicting policy has less to read")
  func eviction() async throws {
    let bench = BenchCase(prompt: 0, generated: 2, depth: 100)
    let full = try #require(try await demand(bench))
    var options = try TinyEngine.cache("streaming:budget=20")
    options.chunk = 512
    let policy = options.policy
    let kept = try #require(try await demand(bench) { $0.policy = policy })
    // 101 entries on average against 20, of both heads of 3 layers in f16.
    let bytesPerEntry = 32 * 2 * 2 * 3
    let difference = 2 * (101 - 20) * bytesPerEntry
    #expect(full.bytes - kept.bytes == Double(difference))
  }

  @Test("without a cache nothing is demanded, and the share is unknown")
  func uncached() async throws {
    var options = CacheOptions()
    options.isCached = false
    var result = try await TinyEngine.make().bench(
      BenchCase(prompt: 0, generated: 2, depth: 0), repetitions: 1, options: options)
    #expect(result.demand == nil)
    result.limits = [LimitPair(before: Self.slow, after: Self.slow)]
    #expect(result.shares.isEmpty && result.share == nil)
  }

  @Test("the share is of what takes longer at least")
  func shares() async throws {
    var result = try await TinyEngine.make().bench(
      BenchCase(prompt: 0, generated: 2, depth: 0), repetitions: 1, options: CacheOptions())
    result.speeds = [2 / 100]
    result.demand = PassDemand(bytes: 50, codeOperations: 10, numberOperations: 20)
    result.limits = [LimitPair(before: Self.slow, after: Self.slow)]
    #expect(result.share == LimitShare(share: 0.5, bound: .memory))
    var fastMemory = Self.slow
    fastMemory.memoryRead = 10
    result.limits = [LimitPair(before: fastMemory, after: fastMemory)]
    #expect(result.share == LimitShare(share: 0.3, bound: .arithmetic))
  }

  @Test("each repetition has its share of the limits around it, and the middle one counts")
  func sharesOfRepetitions() async throws {
    var result = try await TinyEngine.make().bench(
      BenchCase(prompt: 0, generated: 2, depth: 0), repetitions: 1, options: CacheOptions())
    #expect(result.limits.isEmpty && result.share == nil)
    var fast = Self.slow
    fast.memoryRead = 4
    result.demand = PassDemand(bytes: 8)
    // 2 tokens in 16, 10 and 4 seconds, of which reading 8 bytes takes 8, (8 + 2) / 2 = 5 and 2 at least.
    result.speeds = [2 / 16, 2 / 10, 2 / 4]
    result.limits = [
      LimitPair(before: Self.slow, after: Self.slow), LimitPair(before: Self.slow, after: fast),
      LimitPair(before: fast, after: fast),
    ]
    #expect(result.shares.map(\.share) == [0.5, 0.5, 0.5])
    #expect(result.shareDeviation == 0)
    result.speeds = [2 / 16, 2 / 20, 2 / 4]
    #expect(result.shares.map(\.share) == [0.5, 0.25, 0.5])
    #expect(result.share == LimitShare(share: 0.5, bound: .memory))
  }

  @Test("the mean of two limits is that of the times that work takes; without bfloat16 on one side there is none")
  func meanOfLimits() {
    let before = MachineLimits(threads: 2, memoryRead: 1, codeOperations: 3, numberOperations: 2, halfOperations: 6)
    let after = MachineLimits(threads: 2, memoryRead: 1, codeOperations: 6, numberOperations: 6, halfOperations: 3)
    let mean = MachineLimits(threads: 2, memoryRead: 1, codeOperations: 4, numberOperations: 3, halfOperations: 4)
    #expect(LimitPair(before: before, after: after).mean == mean)
    #expect(LimitPair(before: before, after: Self.slow).mean.halfOperations == nil)
  }

  @Test("repetitions that go back to the same beginning meet the same entries, whether or not the cache can")
  func repetitions() async throws {
    for policy in ["full", "streaming:budget=20"] {
      let bench = BenchCase(prompt: 0, generated: 4, depth: 30)
      let options = try TinyEngine.cache(policy)
      let once = try await TinyEngine.make().bench(bench, repetitions: 1, options: options)
      let often = try await TinyEngine.make().bench(bench, repetitions: 3, options: options)
      #expect(often.speeds.count == 3)
      #expect(often.kv == once.kv && often.demand == once.demand)
    }
  }

  @Test("a gauge measures this machine around every repetition")
  func measured() async throws {
    let engine = try await TinyEngine.make()
    let gauge = await engine.makeLimitGauge()
    let result = try await engine.bench(
      BenchCase(prompt: 0, generated: 2, depth: 0), repetitions: 2, options: CacheOptions(), gauge: gauge)
    #expect(result.limits.count == 2 && result.shares.count == 2)
    for limits in [gauge.best] + result.limits.flatMap({ [$0.before, $0.after] }) {
      #expect(limits.threads == 1 && limits.memoryRead > 0 && limits.codeOperations > 0 && limits.numberOperations > 0)
      #expect((limits.halfOperations == nil) == (gauge.best.halfOperations == nil))
    }
  }
}
