public import KelvinAttention
import KelvinCache
import KelvinPolicies
import KelvinTensors

/// Where an option of the cache does nothing or is refused because of the shape of what a model remembers.
public struct CacheNote: Sendable, Hashable, Codable {
  /// What becomes of the option.
  public enum Effect: String, Sendable, Hashable, Codable {
    /// It does nothing.
    case none
    /// It acts on less than it was made for.
    case less
    /// The engine does not begin.
    case refused
  }

  /// The policies that it is about; empty where it is about the cache's formats.
  public var policies: [String]
  /// The option as it is written, or the policy's name where it is about no option.
  public var option: String
  /// What becomes of it.
  public var effect: Effect
  /// Stores where that is so.
  public var stores: Int
  /// Why, in words.
  public var reason: String
}

extension CacheLayout {
  /// What a user of policies and formats should know of this layout; everything else acts in every store.
  /// - Parameter hasTokenizer: whether tokens have kinds.
  public func notes(hasTokenizer: Bool) -> [CacheNote] {
    windowNotes + rankNotes + sharingNotes + columnNotes(hasTokenizer: hasTokenizer) + stateNotes + formatNotes
  }

  // MARK: Policies

  /// A window lets entries go before a larger budget would.
  private var windowNotes: [CacheNote] {
    let windows = stores.compactMap(\.window)
    return Set(windows).sorted().compactMap { window in
      note(
        having("budget"), "budget", .none, windows.count { $0 == window },
        "from \(window) entries on, windows of \(window) positions have let the rest go already")
    }
  }

  /// Ranks are closed only where entries leave by the policy alone, and matter only where keys are turned.
  private var rankNotes: [CacheNote] {
    let closing = PolicyRegistry.all.filter { entry in
      var specification = PolicySpecification(name: entry.name)
      specification["positions"] = "compacted"
      guard case .compacted(let sinks)? = try? PolicyRegistry.make(specification).places else { return false }
      return sinks > 0
    }
    func ranks(_ reason: String, where applies: (StoreLayout) -> Bool) -> CacheNote? {
      note(closing, "positions=compacted", .none, stores.count(where: applies), reason)
    }
    return [
      ranks("windows let entries go by themselves, and those that stay keep their positions") { $0.window != nil },
      ranks("merged entries keep their positions, and a text ends with the model's context") { $0.gating != nil },
      ranks("keys are not turned, so they have no positions to close") {
        $0.rotary == nil && $0.window == nil && $0.gating == nil
      },
    ].compactMap { $0 }
  }

  /// What shares a budget out needs two to share.
  private var sharingNotes: [CacheNote] {
    [
      note(
        having("heads"), "heads=adaptive", .none, stores.count { $0.heads == 1 },
        "there is one KV head, so nothing is shared out"),
      stores.count > 1
        ? nil
        : note(having("layers"), "layers=pyramid", .none, stores.count, "there is one store, so nothing is shared out"),
    ].compactMap { $0 }
  }

  /// Columns that say less than in a plain cache.
  private func columnNotes(hasTokenizer: Bool) -> [CacheNote] {
    func reading(_ reads: (Records) -> Bool) -> [PolicyEntry] {
      PolicyRegistry.all.filter { entry in (try? entry.makeDefault()).map { reads($0.records) } ?? false }
    }
    let latents = stores.count { if case .prefixOfKey = $0.values { true } else { false } }
    let kinds = "the model brings no tokenizer, so all tokens are ordinary"
    return [
      note(
        reading { $0.outputNorm || $0.valueNorm != nil }, "values", .less, latents,
        "values are latents, and a latent's own size is measured"),
      hasTokenizer ? nil : note(reading(\.kinds), "kinds", .less, stores.count, kinds),
      hasTokenizer
        ? nil : note(having("protect"), "protect=special+punctuation+newline", .none, stores.count, kinds),
    ].compactMap { $0 }
  }

  private var stateNotes: [CacheNote] {
    guard !states.isEmpty else { return [] }
    let reason = "\(states.count) layers keep states, which have no entries and never shrink"
    return [
      CacheNote(policies: having("budget").map(\.name), option: "budget", effect: .less, stores: 0, reason: reason)
    ]
  }

  // MARK: Formats

  /// Formats of blocks that do not divide the width of a head.
  private var formatNotes: [CacheNote] {
    let sides: [(option: String, what: String, width: (StoreLayout) -> Int)] = [
      ("cache-type-k", "keys", { $0.keyWidth }), ("cache-type-v", "values", { $0.valueWidth }),
    ]
    return sides.compactMap { side in
      let widths = stores.map(side.width)
      let formats = EntryFormat.allCases.filter { format in !widths.allSatisfy { format.fits(width: $0) } }
      let narrow = widths.filter { width in formats.contains { !$0.fits(width: width) } }
      guard let width = narrow.first else { return nil }
      return CacheNote(
        policies: [], option: "\(side.option)=\(formats.map(\.rawValue).joined(separator: "|"))", effect: .refused,
        stores: narrow.count, reason: "\(side.what) of \(width) numbers are no whole blocks of 32")
    }
  }

  // MARK: Parts

  private func having(_ option: String) -> [PolicyEntry] {
    PolicyRegistry.all.filter { $0.options.contains { $0.key == option } }
  }

  /// `nil` where it is about no policy or no store.
  private func note(
    _ policies: [PolicyEntry], _ option: String, _ effect: CacheNote.Effect, _ stores: Int, _ reason: String
  ) -> CacheNote? {
    guard !policies.isEmpty, stores > 0 else { return nil }
    return CacheNote(policies: policies.map(\.name), option: option, effect: effect, stores: stores, reason: reason)
  }
}

extension StoreLayout {
  fileprivate var window: Int? {
    if case .window(let positions) = reach { positions } else { nil }
  }
}
