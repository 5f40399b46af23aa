import ArgumentParser
import KelvinAttention
import KelvinCache
import KelvinEngine
import KelvinModels
import KelvinPolicies
import KelvinTensors
import KelvinText

/// `kelvin inspect`: what a model's file says.
struct Inspect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows a model's sizes, formats and cache; the weights are not loaded.",
    discussion: """
      Example:
        kelvin inspect model.gguf
      """)

  @OptionGroup var model: ModelFile
  @Flag(help: "Print one JSON object.")
  var json = false

  func run() async throws {
    try await reporting {
      guard let path = try model.path() else {
        throw Failure("give a model: kelvin inspect MODEL", code: SystemExit.usage)
      }
      let result = Inspected(try ModelInspection(path: path))
      if json {
        try Output.json(result)
      } else {
        Terminal.write(result.text)
      }
    }
  }
}

/// An inspection as it is printed.
private struct Inspected: Encodable {
  struct Format: Encodable {
    var format: String
    var tensors: Int
    var bytes: Int
  }
  struct Stores: Encodable {
    var count: Int
    var heads: Int
    var keyWidth: Int
    var valueWidth: Int
    /// Layers that read these stores.
    var layers: Int
    /// Channels of a head that are turned.
    var rotaryWidth: Int
    /// Positions that queries see, where they do not see all.
    var window: Int?
    /// The newest tokens that an entry is the mean of, where entries merge on arrival.
    var mergedTokens: Int?

    enum CodingKeys: String, CodingKey {
      case count, heads, layers, window
      case keyWidth = "key_width"
      case valueWidth = "value_width"
      case rotaryWidth = "rotary_width"
      case mergedTokens = "merged_tokens"
    }

    init(_ store: StoreLayout, count: Int, layers: Int) {
      (self.count, self.layers, heads) = (count, layers, store.heads)
      (keyWidth, valueWidth) = (store.keyWidth, store.valueWidth)
      rotaryWidth = store.rotary?.width ?? 0
      window = store.reach.window
      mergedTokens = store.gating?.window
    }

    var text: String {
      "entries       \(count) store\(count == 1 ? "" : "s") of \(heads) KV head\(heads == 1 ? "" : "s"), keys of \(keyWidth), "
        + "values of \(valueWidth)" + (layers == count ? "" : ", read by \(layers) layers")
        + (window.map { ", of the newest \($0) positions" } ?? "")
        + (mergedTokens.map { ", merged on arrival, as means of the newest \($0) tokens" } ?? "")
    }
  }
  struct States: Encodable {
    var count: Int
    var heads: Int
    var rows: Int
    var columns: Int
    /// Of all states, in 32-bit floats.
    var bytes: Int
  }
  struct Cache: Encodable {
    var format: String
    var bytesPerToken: Int
    var bytesAtContext: Int?

    enum CodingKeys: String, CodingKey {
      case format
      case bytesPerToken = "bytes_per_token"
      case bytesAtContext = "bytes_at_context"
    }
  }
  struct Text: Encodable {
    var model: String
    var tokens: Int
    var addsBegin: Bool
    var addsEnd: Bool

    enum CodingKeys: String, CodingKey {
      case model, tokens
      case addsBegin = "adds_begin"
      case addsEnd = "adds_end"
    }
  }

  var name, style, architecture: String
  var parameters, innerParameters, layers, hiddenWidth, feedForwardWidth, queryHeads: Int
  var vocabulary, contextLength, weightBytes: Int
  var tiedEmbeddings: Bool
  /// Whether the file brings a chat template.
  var chatTemplate: Bool
  /// The one that is used where it brings none.
  var usualChatTemplate: String?
  var formats: [Format]
  var stores: [Stores]
  /// `nil`: no layer retains.
  var states: States?
  var cache: [Cache]
  /// Policies look at columns of numbers about entries, so each serves every layout, but for what the notes say.
  var policies = PolicyRegistry.all.map(\.name)
  var notes: [CacheNote]
  var tokenizer: Text?

  enum CodingKeys: String, CodingKey {
    case name, style, architecture, parameters, layers, vocabulary, formats, stores, states, cache, policies, notes,
      tokenizer
    case innerParameters = "inner_parameters"
    case hiddenWidth = "hidden_width"
    case feedForwardWidth = "feed_forward_width"
    case queryHeads = "query_heads"
    case contextLength = "context_length"
    case weightBytes = "weight_bytes"
    case tiedEmbeddings = "tied_embeddings"
    case chatTemplate = "chat_template"
    case usualChatTemplate = "usual_chat_template"
  }

  init(_ inspection: ModelInspection) {
    let model = inspection.description
    (name, style, architecture) = (inspection.name, inspection.style.rawValue, model.architecture)
    (parameters, innerParameters, layers) = (model.parameters, model.innerParameters, model.layers)
    (hiddenWidth, feedForwardWidth, queryHeads) = (model.hiddenWidth, model.feedForwardWidth, model.queryHeads)
    (vocabulary, contextLength, weightBytes) = (model.vocabulary, model.contextLength, inspection.weightBytes)
    (tiedEmbeddings, chatTemplate) = (model.tiedEmbeddings, inspection.chatTemplate == .model)
    if case .usual(let name)? = inspection.chatTemplate { usualChatTemplate = name }
    formats = inspection.tensors.map { Format(format: $0.format.rawValue, tensors: $0.count, bytes: $0.bytes) }
    var layout = model.layout
    // Each layer of a converted model turns at its own speed; what is shown of it is the width.
    for store in layout.stores.indices { layout.stores[store].rotary?.forgetSpeeds() }
    stores = layout.groups.map { store, count in
      Stores(store, count: count, layers: layout.storeOfLayer.count { layout.stores[$0] == store })
    }
    states = layout.states.first.map { state in
      States(
        count: layout.states.count, heads: state.heads, rows: state.keyWidth, columns: state.valueWidth,
        bytes: layout.stateBytes)
    }
    let fitting = EntryFormat.allCases.filter { format in
      model.layout.stores.allSatisfy { format.fits(width: $0.keyWidth) && format.fits(width: $0.valueWidth) }
    }
    cache = fitting.map { format in
      var options = CacheOptions()
      options.formats = EntryFormats(keys: format, values: format)
      let plan = try? CachePlan(layout: model.layout, options: options, tokens: model.contextLength)
      return Cache(
        format: format.rawValue, bytesPerToken: model.layout.bytesPerToken(formats: options.formats),
        bytesAtContext: plan?.fullBytes)
    }
    notes = layout.notes(hasTokenizer: inspection.tokenizer != nil)
    tokenizer = inspection.tokenizer.map { tokenizer in
      let special = tokenizer.vocabulary.special
      return Text(
        model: tokenizer.vocabulary.model.name, tokens: tokenizer.count, addsBegin: special.addsBegin,
        addsEnd: special.addsEnd)
    }
  }

  var text: String {
    var lines = [
      "model         \(name) (\(style == "gguf" ? "GGUF" : "Hugging Face") names)",
      "architecture  \(architecture), \(layers) layers, \(queryHeads) query heads, hidden width \(hiddenWidth), "
        + "feed-forward width \(feedForwardWidth)",
      "parameters    \(Output.grouped(parameters)), \(Output.grouped(innerParameters)) of them outside embedding and "
        + "head\(tiedEmbeddings ? " (one matrix)" : "")",
      "context       \(contextLength) tokens",
      "weights       \(Output.bytes(weightBytes)) in the file",
    ]
    lines += formats.map {
      "  \($0.format.padding(to: 12))\($0.tensors) tensor\($0.tensors == 1 ? "" : "s"), \(Output.bytes($0.bytes))"
    }
    lines += stores.map(\.text)
    if let states {
      lines.append(
        "states        \(states.count) of \(states.heads) heads, \(states.rows) × \(states.columns) numbers each, "
          + "\(Output.bytes(states.bytes)) at any length")
    }
    for cache in cache {
      let full = cache.bytesAtContext.map { ", \(Output.bytes($0)) at the model's context" } ?? ""
      lines.append("  \(cache.format.padding(to: 12))\(Output.grouped(cache.bytesPerToken)) B per token\(full)")
    }
    lines.append("policies      " + policies.joined(separator: ", "))
    lines += notes.map(text(of:))
    lines.append("tokenizer     " + (tokenizer.map { "\($0.model), \($0.tokens) tokens" } ?? "none; give token ids"))
    let usual = usualChatTemplate.map { "the file brings no template; '\($0)' is used, that of its architecture" }
    lines.append("chat          " + (chatTemplate ? "has a template" : usual ?? "no template; see --chat-template"))
    return lines.joined(separator: "\n") + "\n"
  }

  private func text(of note: CacheNote) -> String {
    let effect =
      switch note.effect {
      case .none: "no effect"
      case .less: "less"
      case .refused: "refused"
      }
    let all = stores.reduce(0) { $0 + $1.count }
    let place = note.stores == 0 || note.stores == all ? "" : " in \(note.stores) of \(all) stores"
    let policies = (1...3).contains(note.policies.count) ? " (\(note.policies.joined(separator: ", ")))" : ""
    return "  \(note.option)\(policies): \(effect)\(place): \(note.reason)"
  }
}

extension CacheLayout {
  /// Stores of the same sizes, in the order of their first, with how many there are.
  fileprivate var groups: [(store: StoreLayout, count: Int)] {
    stores.reduce(into: []) { groups, store in
      if let index = groups.firstIndex(where: { $0.store == store }) {
        groups[index].count += 1
      } else {
        groups.append((store, 1))
      }
    }
  }
}

extension Rotary {
  fileprivate mutating func forgetSpeeds() { frequencies = frequencies.map { _ in 0 } }
}

extension StoreLayout.Reach {
  fileprivate var window: Int? {
    if case .window(let positions) = self { positions } else { nil }
  }
}

extension Vocabulary.Model {
  /// The name for people.
  fileprivate var name: String {
    switch self {
    case .byteLevelBPE(let rule): "byte-level BPE (\(rule.rawValue))"
    case .sentencePiece: "SentencePiece"
    }
  }
}
