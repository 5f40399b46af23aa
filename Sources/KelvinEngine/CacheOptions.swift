import KelvinAttention
public import KelvinCache
public import KelvinPolicies
import KelvinTensors

/// What a sequence may remember, and how.
public struct CacheOptions: Sendable, Hashable {
  /// The policy as it is written; `full` keeps everything.
  public var policy = PolicySpecification(name: "full")
  /// The formats of keys and values.
  public var formats = EntryFormats()
  /// `false`: no cache at all; every step reads all tokens again.
  public var isCached = true
  /// Tokens read in one pass of a prompt.
  public var chunk = 512
  /// Whether entries may leave between the chunks of a prompt; always so for prompts longer than the model's context.
  public var reviewsChunks = false
  /// Tokens that a sequence may hold; `nil`: the model's context.
  public var context: Int?
  /// Bytes of pages that a sequence may take; `nil`: as many as the system gives.
  public var limit: Int?

  /// The full cache in f16, without a limit.
  public init() {}

  /// Checks the numbers and makes the policy.
  func makePolicy() throws(EngineError) -> any CachePolicy {
    guard chunk > 0 else { throw .invalidOption(option: "ubatch-size", found: "\(chunk)", expected: "at least 1") }
    guard context ?? 1 > 0 else {
      throw .invalidOption(option: "ctx-size", found: "\(context ?? 0)", expected: "at least 1")
    }
    do {
      return try PolicyRegistry.make(policy)
    } catch {
      throw .policy(error.description)
    }
  }

  /// Checks that the formats can write the keys and values of a model, and that a residual stays out of something.
  func checkFormats(fit layout: CacheLayout) throws(EngineError) {
    // Positions are 32-bit.
    guard (0...Int(Int32.max)).contains(formats.residual) else {
      throw .invalidOption(option: "kv-residual", found: "\(formats.residual)", expected: "0 to \(Int32.max)")
    }
    for store in layout.stores {
      guard formats.keys.fits(width: store.keyWidth) else {
        throw .invalidOption(
          option: "cache-type-k", found: "\(formats.keys.rawValue) for keys of width \(store.keyWidth)",
          expected: "a width that is a multiple of 32, or another format")
      }
      guard formats.values.fits(width: store.valueWidth) else {
        throw .invalidOption(
          option: "cache-type-v", found: "\(formats.values.rawValue) for values of width \(store.valueWidth)",
          expected: "a width that is a multiple of 32, or another format")
      }
      guard formats.residual == 0 || formats.quantises(store) else {
        let formats = EntryFormats(keys: formats.keys, values: formats.values)
        throw .invalidOption(
          option: "kv-residual", found: "\(self.formats.residual) with entries in \(formats)",
          expected: "0, or entries in q8_0 or q4_0 (--cache-type-k, --cache-type-v)")
      }
    }
  }
}
