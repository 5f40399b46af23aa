import Foundation
public import KelvinCache
import KelvinTensors
import KelvinText

extension Engine {
  typealias Continuation = AsyncThrowingStream<GenerationEvent, any Error>.Continuation

  /// Prompt, then steps until something ends them.
  ///
  /// Between steps other requests get their turn.
  /// - Parameter reuses: whether the prompt is the whole text, whose beginning the session may have read.
  func run(
    _ request: GenerationRequest, in session: Session, reuses: Bool, _ continuation: Continuation
  ) async throws {
    try request.sampling.validate()
    let sequence = session.sequence
    let reused = reuses ? sequence.keepPrefix(of: request.prompt) : 0
    let new = Array(request.prompt.dropFirst(reused))
    let asked = request.maximumTokens ?? max(1, sequence.context - sequence.tokens.count - new.count)
    let room = min(asked, Int(Int32.max))
    guard room >= 0 else {
      throw EngineError.invalidOption(option: "predict", found: "\(room)", expected: "a count, or -1 for no limit")
    }
    // The last token is never fed back, so it needs no room.
    try sequence.checkRoom(for: new.count + max(0, room - 1))
    var answer = Answer(request, tokenizer: loaded.tokenizer, reusedTokens: reused)
    var clock = Date()
    var logits =
      try reused == request.prompt.count && reused > 0
      ? sequence.logits
      : sequence.read(prompt: new) { share in
        continuation.yield(.reading(share))
        return !request.cancellation.isCancelled
      }
    continuation.yield(.reading(1))
    answer.prefillSeconds = Date().timeIntervalSince(clock)
    if let path = request.promptFile, logits != nil, !new.isEmpty { try save(session, to: path) }
    var sampler = Sampler(request.sampling, history: sequence.tokens)
    var row: [Float] = []
    clock = Date()
    while answer.stopReason == nil {
      guard let current = logits, !request.cancellation.isCancelled else {
        answer.stopReason = .cancelled
        break
      }
      if answer.tokens.count >= room {
        answer.stopReason = .length
        break
      }
      current.copy(row: 0, into: &row)
      let token = sampler.choose(from: row)
      if let text = answer.add(token) { continuation.yield(.token(token, text: text)) }
      guard answer.stopReason == nil, answer.tokens.count < room else { continue }
      await Task.yield()
      logits = try sequence.read(token)
      answer.decodeSteps += 1
    }
    answer.decodeSeconds = Date().timeIntervalSince(clock)
    let rest = answer.finish()
    if !rest.isEmpty, let last = answer.tokens.last { continuation.yield(.token(last, text: rest)) }
    continuation.yield(.finished(answer.result(kv: sequence.report)))
  }

  /// What a session keeps now.
  public func report(of session: Session) -> CacheReport { session.sequence.report }

  /// The tokens that a session has read.
  public func tokens(of session: Session) -> [Int32] { session.sequence.tokens }
}

/// An answer while it is being written.
private struct Answer {
  private(set) var tokens: [Int32] = []
  var stopReason: GenerationResult.StopReason?
  var prefillSeconds = 0.0
  var decodeSeconds = 0.0
  var decodeSteps = 0
  private var text = ""
  private var stream: TextStream?
  private var stops: StopStrings
  private let promptTokens, reusedTokens: Int
  private let ends: (Int32) -> Bool

  init(_ request: GenerationRequest, tokenizer: Tokenizer?, reusedTokens: Int) {
    promptTokens = request.prompt.count
    self.reusedTokens = reusedTokens
    stream = tokenizer.map { TextStream($0, atStart: false) }
    stops = StopStrings(request.stopStrings)
    let special = tokenizer?.vocabulary.special
    ends = { !request.ignoresEnd && special?.endsGeneration($0) == true }
  }

  /// Takes a token.
  /// - Returns: what may be shown of it; `nil` where it ends the answer and is not part of it.
  mutating func add(_ token: Int32) -> String? {
    if ends(token) {
      stopReason = .end
      return nil
    }
    tokens.append(token)
    let (shown, isStopped) = stops.push(stream?.push(token) ?? "")
    if isStopped { stopReason = .stop }
    text += shown
    return shown
  }

  /// Text that was held back.
  mutating func finish() -> String {
    guard stopReason != .stop else { return "" }
    var rest = stops.push(stream?.finish() ?? "").shown
    rest += stops.finish()
    text += rest
    return rest
  }

  func result(kv: CacheReport) -> GenerationResult {
    GenerationResult(
      text: text, tokens: tokens, promptTokens: promptTokens, reusedTokens: reusedTokens,
      prefillSeconds: prefillSeconds,
      decodeSeconds: decodeSeconds, stopReason: stopReason ?? .length, kv: kv, decodeSteps: decodeSteps)
  }
}
