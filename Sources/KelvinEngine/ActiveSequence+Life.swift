import KelvinCache
import KelvinModels
import KelvinPolicies
import KelvinTensors

extension ActiveSequence {
  /// Goes back to the longest beginning of `prompt` that has been read, or to nothing where the cache cannot go back.
  /// - Returns: how many tokens of `prompt` need not be read; fewer than all unless the logits after the last are there.
  func keepPrefix(of prompt: [Int32]) -> Int {
    var common = zip(tokens, prompt).prefix { $0 == $1 }.count
    if common == prompt.count, common > 0, common < tokens.count || logits == nil { common -= 1 }
    guard common < tokens.count else { return common }
    if options.isCached {
      do {
        try owner.cache.rollback(to: common > 0 ? model.leadingTokens.count + common : 0)
      } catch {
        common = 0
        owner.cache.clear()
      }
    }
    shorten(to: common)
    return common
  }

  /// Writes what a second sequence needs to go on from here.
  func save(conversation: SavedConversation?, to file: inout SectionWriter) throws(CacheError) {
    try Facts.write(
      SessionHeader(model: loaded.fingerprint, conversation: conversation), as: .session, to: &file)
    try file.add(tokens: tokens)
    try file.add(logits: logits?.values(row: 0) ?? [])
    try owner.cache.save(policy: try completedPolicy(), to: &file)
  }

  /// Takes up what `save` wrote, as a new sequence.
  func load(from file: inout SectionReader) throws(CacheError) -> SavedConversation? {
    let header: SessionHeader = try Facts.read(.session, from: &file)
    guard header.model.isSameModel(as: loaded.fingerprint) else {
      throw .different(fact: "model", found: header.model.description, expected: loaded.fingerprint.description)
    }
    let tokens = try file.tokens(vocabulary: model.vocabulary)
    let logits = try file.logits(vocabulary: model.vocabulary)
    try owner.cache.load(policy: try completedPolicy(), from: &file, on: processor)
    try file.finish()
    guard textSeen == tokens.count else { throw .tokensDiffer(tokens: tokens.count, seen: textSeen) }
    takeUp(tokens, logits: logits)
    return header.conversation
  }

  private func completedPolicy() throws(CacheError) -> String {
    do {
      return try options.policy.completed().description
    } catch {
      throw .system(error.description)
    }
  }
}
