public import KelvinCache
public import KelvinText

/// A chat on one cache: each turn reads only what is new.
///
/// The chat template writes the whole conversation every time. Where the new text begins with what the sequence has already
/// read, only the rest is read. The sequence begins anew where a template rewrites history (some drop earlier reasoning), and
/// after an answer that the model did not end itself, because its last token was never read.
public struct Conversation: Sendable {
  /// The messages so far, answers included.
  public private(set) var messages: [ChatMessage] = []
  /// The system message, where there is one.
  public private(set) var system: String?
  private let engine: Engine
  private let options: CacheOptions
  private var session: Session
  /// The text that the session has read or written; no template begins with the "\0" that stands for an unknown one.
  private var read = ""

  /// An empty conversation.
  /// - Throws: `EngineError.noChatTemplate` where the model has none.
  public init(_ engine: Engine, options: CacheOptions, system: String? = nil) async throws(EngineError) {
    guard engine.loaded.chatTemplate != nil else { throw .noChatTemplate(model: engine.loaded.name) }
    self.engine = engine
    self.options = options
    session = try await engine.makeSession(options)
    begin(system: system)
  }

  /// Forgets everything and begins anew.
  public mutating func clear(system: String?) async throws(EngineError) {
    session = try await engine.makeSession(options)
    begin(system: system)
  }

  private mutating func begin(system: String?) {
    self.system = system
    messages = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
    read = ""
  }

  /// Adds what the user says, and makes the request that answers it.
  public mutating func request(saying text: String) async throws(EngineError) -> GenerationRequest {
    let conversation = messages + [ChatMessage(role: "user", content: text)]
    let whole = try engine.loaded.render(conversation)
    var new = whole
    if !read.isEmpty, whole.utf8.starts(with: read.utf8) {
      new = String(decoding: whole.utf8.dropFirst(read.utf8.count), as: UTF8.self)
    } else if !read.isEmpty {
      session = try await engine.makeSession(options)
    }
    let request = GenerationRequest(prompt: try engine.loaded.requireTokenizer().encode(new, addSpecial: false))
    messages = conversation
    read = whole
    return request
  }

  /// Carries out a request that `request(saying:)` made.
  public func stream(_ request: GenerationRequest) -> AsyncThrowingStream<GenerationEvent, any Error> {
    engine.generate(request, in: session)
  }

  /// Adds the answer.
  public mutating func hear(_ result: GenerationResult) {
    messages.append(ChatMessage(role: "assistant", content: result.text))
    read = result.stopReason == .end ? read + result.text : "\0"
  }

  /// What the cache keeps now.
  public func report() async -> CacheReport { await engine.report(of: session) }
}
