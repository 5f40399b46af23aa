import Foundation
import KelvinTensors
import KelvinText

extension Vocabulary {
  /// The vocabulary that a model brings; `nil` where there is none.
  ///
  /// It is in a GGUF file's metadata, in `tokenizer.json` or `tokenizer.model` beside a folder's weights, and in
  /// `tokenizer.bin` beside a llama2.c file.
  init?(_ checkpoint: Checkpoint, path: String) throws(TextError) {
    if checkpoint.style == .gguf {
      guard checkpoint.metadata["tokenizer.ggml.tokens"] != nil else { return nil }
      try self.init(gguf: checkpoint.metadata)
      return
    }
    let isFolder = (try? FileManager.default.contentsOfDirectory(atPath: path)) != nil
    let folder = isFolder ? URL(fileURLWithPath: path) : URL(fileURLWithPath: path).deletingLastPathComponent()
    func bytes(_ name: String) -> [UInt8]? {
      (try? Data(contentsOf: folder.appendingPathComponent(name))).map { [UInt8]($0) }
    }
    if let json = bytes("tokenizer.json") {
      self = try Vocabulary(tokenizerJSON: json, configJSON: bytes("tokenizer_config.json"))
    } else if let model = bytes("tokenizer.model") {
      self = try Vocabulary(sentencePiece: model)
    } else if !isFolder, let binary = bytes("tokenizer.bin") {
      self = try Vocabulary(llama2: binary, count: checkpoint.metadata["vocab_size"]?.integer ?? 0)
    } else {
      return nil
    }
    // Newer folders have the template in a file of its own.
    chatTemplate = chatTemplate ?? bytes("chat_template.jinja").map { String(decoding: $0, as: UTF8.self) }
    let ends = checkpoint.metadata["generation.eos_token_id"] ?? checkpoint.metadata["eos_token_id"]
    switch ends {
    case .integers(let ids): special.endOfGeneration.formUnion(ids.map { Int32(clamping: $0) })
    case let id?: if let id = id.integer { special.endOfGeneration.insert(Int32(clamping: id)) }
    case nil: break
    }
  }

  /// Reads the keys `tokenizer.ggml.*` and `tokenizer.chat_template`.
  private init(gguf metadata: [String: MetadataValue]) throws(TextError) {
    func value(_ key: String) -> MetadataValue? { metadata["tokenizer.ggml." + key] }
    func strings(_ key: String) -> [String] {
      if case .strings(let strings)? = value(key) { strings } else { [] }
    }
    func id(_ key: String) -> Int32? { value(key)?.integer.map { Int32(clamping: $0) } }
    var scores: [Float] = []
    if case .numbers(let numbers)? = value("scores") { scores = numbers.map { Float($0) } }
    var kinds: [PieceKind] = []
    if case .integers(let numbers)? = value("token_type") { kinds = try Vocabulary.kinds(ggufNumbers: numbers) }
    let model = try Model(ggufModel: value("model")?.string ?? "none", preTokenizer: value("pre")?.string)
    try self.init(model: model, pieces: strings("tokens"), scores: scores, kinds: kinds, merges: strings("merges"))
    // OLMo 2 and Phi-4 cut words as Llama 3 does, but merge even those that are pieces.
    if ["dbrx", "smaug-bpe"].contains(value("pre")?.string) { prefersWholeWords = false }
    special.begin = id("bos_token_id")
    special.end = id("eos_token_id")
    special.unknown = id("unknown_token_id")
    special.padding = id("padding_token_id")
    for key in ["eot_token_id", "eom_token_id"] {
      if let end = id(key) { special.endOfGeneration.insert(end) }
    }
    special.addsBegin = value("add_bos_token")?.bool ?? (model == .sentencePiece)
    special.addsEnd = value("add_eos_token")?.bool ?? false
    if let addsSpace = value("add_space_prefix")?.bool, model == .sentencePiece {
      spacePrefix = addsSpace ? .everySegment : .never
    }
    chatTemplate = metadata["tokenizer.chat_template"]?.string
  }
}
