import Foundation
import KelvinCache
import KelvinEngine
import KelvinTensors
import TestSupport
import Testing

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
    .enabled(if: Kernels.Variant.rounding != nil))
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
    .enabled(if: Kernels.Variant.rounding != nil))
  func roundedProducts() async throws {
    try await Fixtures.withFolder { folder in
      let path = folder.appendingPathComponent("bf16.gguf").path
      var conversion = ConversionOptions()
      conversion.type = .bf16
      try ModelConversion(from: Fixtures.path("llama-gqa"), to: path, options: conversion).write()
      var (options, cache) = (Engine.Options(), CacheOptions())
      options.threads = 1
      // So attention does not count.
      cache.formats = EntryFormats(keys: .f32, values: .f32)
      let bench = BenchCase(prompt: 12, generated: 0, depth: 0)
      let products = Double(2 * Self.promptNumbers(12))
      let rounded = try await Engine(path: path, options: options).bench(bench, repetitions: 1, options: cache).demand
      #expect(rounded?.halfOperations == products)
      options.isExact = true
      let exact = try await Engine(path: path, options: options).bench(bench, repetitions: 1, options: cache).demand
      #expect(exact?.halfOperations == 0)
      #expect(exact?.numberOperations == rounded.map { $0.numberOperations + products })
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
    let result = try await TinyEngine.make().bench(
      BenchCase(prompt: 0, generated: 2, depth: 0), repetitions: 1, options: options)
    #expect(result.demand == nil && result.share(of: Self.slow) == nil)
  }

  @Test("the share is of what takes longer at least")
  func shares() async throws {
    var result = try await TinyEngine.make().bench(
      BenchCase(prompt: 0, generated: 2, depth: 0), repetitions: 1, options: CacheOptions())
    result.speeds = [2 / 100]
    result.demand = PassDemand(bytes: 50, codeOperations: 10, numberOperations: 20)
    #expect(result.share(of: Self.slow) == LimitShare(share: 0.5, bound: .memory))
    var fastMemory = Self.slow
    fastMemory.memoryRead = 10
    #expect(result.share(of: fastMemory) == LimitShare(share: 0.3, bound: .arithmetic))
  }

  @Test("limits of this machine are positive")
  func measured() async throws {
    let limits = try await TinyEngine.make().measureLimits()
    #expect(limits.threads == 1 && limits.memoryRead > 0 && limits.codeOperations > 0 && limits.numberOperations > 0)
  }
}
