public import KelvinAttention

/// Why a cache cannot go back, or cannot be saved or loaded.
public enum CacheError: Error, Hashable, CustomStringConvertible {
  /// A cache goes back to what it has read, not forward.
  case notRead(count: Int, seen: Int)
  /// The policy has let an older entry go, and nothing brings it back.
  case entryLeft(position: Int, store: Int, head: Int, count: Int)
  /// The ledger holds attention from the tokens that would be taken back, and sums cannot be taken apart.
  case attentionAddedUp(count: Int)
  /// Later tokens were folded into states or merged entries, from which nothing can be taken out.
  case tokensFolded(count: Int)
  /// Entries that were in f16 when they were the newest have been quantised since.
  case settled(count: Int, residual: Int)
  /// The bytes do not begin as a cache file does.
  case notACache
  case unknownVersion(Int, supported: Int)
  /// The file ends inside a section.
  case cutShort(section: String, needed: Int, left: Int)
  /// The checksum of a section is wrong.
  case damaged(section: String, number: Int)
  /// A section has another name than the one that must stand there.
  case unexpectedSection(number: Int, found: String, expected: String)
  /// Bytes follow the last section.
  case trailingBytes(Int)
  /// A section is whole but says what cannot be.
  case impossible(section: String, fact: String, found: String, expected: String)
  /// The file is sound but belongs to another model or to other options.
  case different(fact: String, found: String, expected: String)
  /// The tokens of a session are not those of its cache.
  case tokensDiffer(tokens: Int, seen: Int)
  /// The system could not read or write.
  case system(String)
  case memory(MemoryError)

  /// The error in one sentence.
  public var description: String {
    switch self {
    case .notRead(let count, let seen): "the cache has read \(seen) tokens and cannot go back to \(count)"
    case .entryLeft(let position, let store, let head, let count):
      "the cache cannot go back to \(count) tokens: the entry of position \(position) has left "
        + "store \(store), head \(head); read the text again"
    case .attentionAddedUp(let count):
      "the cache cannot go back to \(count) tokens: the policy adds up attention, and what later tokens gave cannot be "
        + "taken back; read the text again"
    case .tokensFolded(let count):
      "the cache cannot go back to \(count) tokens: later tokens are folded into states or merged entries; read the text again"
    case .settled(let count, let residual):
      "the cache cannot go back to \(count) tokens: entries that would be among the newest \(residual), in f16, are quantised "
        + "by now; read the text again"
    case .notACache: "this is no cache file of Kelvin"
    case .unknownVersion(let found, let supported):
      "the file has version \(found) and this Kelvin reads version \(supported); make the file anew"
    case .cutShort(let section, let needed, let left):
      "the file ends inside \(section): \(needed) bytes are needed and \(left) are left; make the file anew"
    case .damaged(let section, let number):
      "section \(number), \(section), is damaged: its checksum is wrong; make the file anew"
    case .unexpectedSection(let number, let found, let expected):
      "section \(number) is \(found), expected \(expected); make the file anew"
    case .trailingBytes(let count): "\(count) bytes follow the end of the cache; make the file anew"
    case .impossible(let section, let fact, let found, let expected):
      "\(section): \(fact) is \(found), expected \(expected); make the file anew"
    case .different(let fact, let found, let expected):
      "the file was made for another \(fact): \(found), expected \(expected)"
    case .tokensDiffer(let tokens, let seen):
      "the file has \(tokens) tokens and a cache of \(seen); make the file anew"
    case .system(let reason): reason
    case .memory(let error): error.description
    }
  }
}
