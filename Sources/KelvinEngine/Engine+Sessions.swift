import KelvinCache

extension Engine {
  /// A second session that has read the same and goes on by itself.
  ///
  /// Pages are shared until one of the two writes into them; the byte limit holds for both together.
  /// - Throws: `EngineError.memory` where a second set of states exceeds the limit.
  public func fork(_ session: Session) throws(EngineError) -> Session {
    Session(try ActiveSequence(forking: session.sequence))
  }

  /// Saves a session: tokens, cache, and what its policy has noted.
  ///
  /// The file is whole or is not there; an older one of that name stays until the new one is complete.
  /// - Throws: `EngineError.unwritableCache` where the system refuses, as on a full disk.
  public func save(_ session: Session, to path: String) throws(EngineError) {
    try save(session, conversation: nil, to: path)
  }

  /// A session that goes on where a saved one stood.
  ///
  /// - Parameters:
  ///   - path: a file that `save` wrote for the same model.
  ///   - options: the policy and formats must be those of the saved session.
  /// - Throws: `EngineError.unreadableCache` with the reason for a file that is not there, is damaged, or belongs to another
  ///   model or other options; `.memory` where its pages do not fit the limit.
  public func loadSession(
    from path: String, options: CacheOptions = CacheOptions()
  ) throws(EngineError) -> Session {
    try load(from: path, options: options).session
  }

  func save(_ session: Session, conversation: SavedConversation?, to path: String) throws(EngineError) {
    guard session.sequence.options.isCached else {
      throw .invalidOption(option: "no-cache", found: "a cache file", expected: "a cache: without one nothing is saved")
    }
    try SessionFile.write(to: path) { file throws(CacheError) in
      try session.sequence.save(conversation: conversation, to: &file)
    }
  }

  func load(
    from path: String, options: CacheOptions
  ) throws(EngineError) -> (session: Session, conversation: SavedConversation?) {
    guard options.isCached else {
      throw .invalidOption(
        option: "no-cache", found: "a cache file", expected: "a cache: without one nothing is loaded")
    }
    let sequence = try ActiveSequence(loaded, options: options, processor: processor)
    let conversation = try SessionFile.read(from: path) { file throws(CacheError) in try sequence.load(from: &file) }
    return (Session(sequence), conversation)
  }
}
