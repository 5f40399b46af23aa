public import KelvinCache
public import KelvinText

/// A chat on one cache: each turn reads only what is new.
///
/// The chat template writes the whole conversation every time. Where the new text begins with what the sequence has already
/// read, only the rest is read. Where it differs somewhere, as after an answer that the model did not end itself or where a
/// template rewrites history, the sequence goes back to where they part; if its policy has made that impossible, it begins anew.
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
    var known: [Int32] = []
    if !read.isEmpty, whole.utf8.starts(with: read.utf8) {
      // The model may have written the text in other tokens than the tokenizer would.
      known = await engine.tokens(of: session)
      new = String(decoding: whole.utf8.dropFirst(read.utf8.count), as: UTF8.self)
    }
    let tokens = try engine.loaded.requireTokenizer().encode(new, addSpecial: false)
    let request = GenerationRequest(prompt: known + tokens)
    messages = conversation
    read = whole
    return request
  }

  /// Carries out a request that `request(saying:)` made.
  public func stream(_ request: GenerationRequest) -> AsyncThrowingStream<GenerationEvent, any Error> {
    engine.generate(request, reusing: session)
  }

  /// Adds the answer.
  public mutating func hear(_ result: GenerationResult) {
    messages.append(ChatMessage(role: "assistant", content: result.text))
    read = result.stopReason == .end ? read + result.text : "\0"
  }

  /// What the cache keeps now.
  public func report() async -> CacheReport { await engine.report(of: session) }

  /// Saves the messages and the session.
  public func save(to path: String) async throws(EngineError) {
    let saved = SavedConversation(
      messages: messages.map { .init(role: $0.role, content: $0.content) }, system: system, read: read)
    try await engine.save(session, conversation: saved, to: path)
  }

  /// Goes on with the conversation of a file; where it is refused, this one stays as it is.
  public mutating func load(from path: String) async throws(EngineError) {
    let (loaded, saved) = try await engine.load(from: path, options: options)
    guard let saved else {
      throw .unreadableCache(
        file: path, reason: "it holds no conversation; chat saves one with /save", isMissing: false)
    }
    session = loaded
    system = saved.system
    messages = saved.messages.map { ChatMessage(role: $0.role, content: $0.content) }
    read = saved.read
  }
}
