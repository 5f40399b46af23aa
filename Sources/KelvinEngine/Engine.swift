public import KelvinTensors

/// A model that carries out requests, one step at a time, on a thread of its own.
///
/// ```swift
/// let engine = try await Engine(path: "model.gguf")
/// for try await event in engine.generate(GenerationRequest(prompt: tokens)) { … }
/// ```
public actor Engine {
  /// How an engine computes.
  public struct Options: Sendable, Hashable {
    /// Worker threads; `nil`: as many as processors.
    public var threads: Int?
    /// The instruction set; `nil`: the fastest, which may round unless `isExact`; see `Kernels.Variant.rounding`.
    public var kernels: Kernels.Variant?
    /// Weights and activations as 32-bit floats throughout.
    public var isExact = false
    /// The longest sequence that is planned, by which LongRoPE chooses its factors; `nil`: the model's context.
    public var sequenceLength: Int?
    /// The chat template, a name of `ChatTemplateRegistry` or a file; `nil`: the model's own, or the usual one.
    public var chatTemplate: String?

    /// As fast as the machine allows.
    public init() {}
  }

  /// The model, and what came with it.
  public nonisolated let loaded: LoadedModel
  let processor: Processor
  private let thread: EngineThread

  /// Loads a model; see `LoadedModel` for what `path` may be.
  public init(
    path: String, options: Options = Options(), progress: @Sendable (Double) -> Void = { _ in }
  ) async throws(EngineError) {
    if let threads = options.threads, threads < 1 || threads > 1024 {
      throw .invalidOption(option: "threads", found: "\(threads)", expected: "1 to 1024")
    }
    do {
      let fastest = options.isExact ? nil : Kernels.Variant.rounding
      processor = try Processor(threads: options.threads, kernels: options.kernels ?? fastest)
    } catch {
      throw .invalidOption(
        option: "kernels", found: options.kernels?.rawValue ?? "any",
        expected: "one of " + Kernels.available.map(\.rawValue).joined(separator: ", "))
    }
    loaded = try LoadedModel(
      path: path, exact: options.isExact, sequenceLength: options.sequenceLength,
      chatTemplate: options.chatTemplate, processor: processor, progress: progress)
    thread = EngineThread()
  }

  /// The thread that the engine's work runs on.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  /// The name of the instruction set in use.
  public nonisolated var kernels: String { processor.kernels.name }
  /// The number of worker threads.
  public nonisolated var threads: Int { processor.threads }

  /// A sequence that several requests may go on with, as a chat does.
  public func makeSession(_ options: CacheOptions = CacheOptions()) throws(EngineError) -> Session {
    Session(try ActiveSequence(loaded, options: options, processor: processor))
  }

  /// Carries out a request.
  ///
  /// The stream ends after `finished`; dropping it ends the request at the next step.
  public nonisolated func generate(
    _ request: GenerationRequest, options: CacheOptions = CacheOptions()
  ) -> AsyncThrowingStream<GenerationEvent, any Error> {
    stream(request, reuses: false) { engine in try await engine.makeSession(options) }
  }

  /// Carries out a request that goes on where `session` stands.
  public nonisolated func generate(
    _ request: GenerationRequest, in session: Session
  ) -> AsyncThrowingStream<GenerationEvent, any Error> {
    stream(request, reuses: false) { _ in session }
  }

  /// Carries out a request whose prompt is the whole text; what `session` has read of its beginning is not read again.
  ///
  /// The session goes back to the longest common beginning. Where its policy has made that impossible, it begins anew.
  public nonisolated func generate(
    _ request: GenerationRequest, reusing session: Session
  ) -> AsyncThrowingStream<GenerationEvent, any Error> {
    stream(request, reuses: true) { _ in session }
  }

  private nonisolated func stream(
    _ request: GenerationRequest, reuses: Bool, session: @escaping @Sendable (Engine) async throws -> Session
  ) -> AsyncThrowingStream<GenerationEvent, any Error> {
    AsyncThrowingStream { continuation in
      // A request that has finished by itself may be carried out again.
      continuation.onTermination = { if case .cancelled = $0 { request.cancellation.cancel() } }
      Task {
        do {
          try await self.run(request, in: try await session(self), reuses: reuses, continuation)
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
    }
  }
}

/// A sequence in an engine's memory.
///
/// It belongs to the engine that made it, and is only touched on its thread.
public final class Session: @unchecked Sendable {
  let sequence: ActiveSequence

  init(_ sequence: ActiveSequence) {
    self.sequence = sequence
  }
}
