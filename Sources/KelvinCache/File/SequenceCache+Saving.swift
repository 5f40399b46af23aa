import KelvinAttention
import KelvinPolicies
package import KelvinTensors

extension SequenceCache {
  /// Writes everything that is remembered.
  /// - Parameters:
  ///   - policy: the policy with every option written out.
  ///   - file: where sections go.
  package func save(policy: String, to file: inout SectionWriter) throws(CacheError) {
    try Facts.write(
      CacheHeader(
        layout: layout, keys: formats.keys.rawValue, values: formats.values.rawValue, residual: formats.residual,
        policy: policy, seen: seen, promptLength: promptLength, hasStates: !states.isEmpty), as: .cache, to: &file)
    for state in states { try file.add(.state, words: state.values.map(\.bitPattern)) }
    for box in stores { try box.store.save(to: &file, seen: seen) }
  }

  /// Fills an empty cache with what `save` wrote.
  ///
  /// Every fact is checked before anything is built on it. A cache that could not be filled must not be used.
  /// - Parameters:
  ///   - policy: the policy with every option written out; the file's must be the same.
  ///   - file: where sections come from.
  ///   - processor: what the sequence will run on.
  package mutating func load(
    policy: String, from file: inout SectionReader, on processor: Processor
  ) throws(CacheError) {
    precondition(seen == 0, "a cache that has read \(seen) tokens")
    let header: CacheHeader = try Facts.read(.cache, from: &file)
    try check(header, policy: policy)
    if header.promptLength > 0 { beginPrompt(length: header.promptLength) }
    seen = header.seen
    if seen > 0 { do { try holdStates() } catch { throw .memory(error) } }
    if header.hasStates {
      for state in layout.states {
        states.append(
          processor.tensor(
            rows: state.heads * state.keyWidth, columns: state.valueWidth,
            values: try file.numbers(.state, count: state.numbers)))
      }
    }
    for box in stores { try box.store.load(from: &file, seen: seen) }
  }

  private func check(_ header: CacheHeader, policy: String) throws(CacheError) {
    guard header.layout == layout else {
      throw .different(fact: "shape of cache", found: header.layout.summary, expected: layout.summary)
    }
    let found = EntryFormat(rawValue: header.keys).flatMap { keys in
      EntryFormat(rawValue: header.values).map { EntryFormats(keys: keys, values: $0, residual: header.residual) }
    }
    guard found == formats else {
      throw .different(
        fact: "format of entries", found: found?.description ?? "an unknown one", expected: formats.description)
    }
    guard header.policy == policy else {
      throw .different(fact: "policy", found: header.policy.quoted, expected: policy)
    }
    // Positions are 32-bit.
    for (fact, found) in [("the number of tokens", header.seen), ("the length of the prompt", header.promptLength)]
    where !(0...Int(Int32.max)).contains(found) {
      throw .impossible(section: Section.cache.title, fact: fact, found: "\(found)", expected: "0 to \(Int32.max)")
    }
  }
}

extension Store {
  fileprivate func save(to file: inout SectionWriter, seen: Int) throws(CacheError) {
    try Facts.write(
      StoreHeader(
        counts: heads.map(\.count), tails: heads.map { $0.tail.count }, evicted: evicted, notes: policy.notes,
        members: segments.map(\.members), queries: queryStatistics.count,
        queryHeads: queryStatistics.sums.count / layout.keyWidth),
      as: .store, to: &file)
    if queryStatistics.count > 0 { try file.add(.statistics, words: queryStatistics.fileWords) }
    for segment in segments { try file.add(.segment, words: segment.fileWords) }
    let columns = LedgerColumns(records: policy.records, layout: layout, seen: seen)
    for (head, ledger) in zip(heads, ledger.heads) {
      try file.add(.ledger, columns.bytes(of: ledger))
      for page in 0..<head.body.pageCount { try file.add(.page, head.body.pageBytes(page)) }
      for page in 0..<head.tail.pageCount { try file.add(.page, head.tail.pageBytes(page)) }
    }
  }

  fileprivate mutating func load(from file: inout SectionReader, seen: Int) throws(CacheError) {
    let facts: StoreHeader = try Facts.read(.store, from: &file)
    try take(facts, seen: seen)
    if facts.queries > 0 {
      queryStatistics = try QueryStatistics(
        count: facts.queries, heads: facts.queryHeads, width: layout.keyWidth, from: &file)
    }
    for (head, members) in facts.members.enumerated() {
      segments[head] = try OpenSegment(
        window: segments[head].window, members: members, width: layout.keyWidth + layout.valueWidth, from: &file)
    }
    for head in heads.indices {
      try load(head, count: facts.counts[head], tail: facts.tails[head], seen: seen, from: &file)
    }
  }

  /// Takes the facts of a file about this store.
  private mutating func take(_ facts: StoreHeader, seen: Int) throws(CacheError) {
    func impossible(_ fact: String, _ found: String, _ expected: String) -> CacheError {
      .impossible(section: Section.store.title, fact: fact, found: found, expected: expected)
    }
    guard facts.counts.count == heads.count else {
      throw impossible("the number of heads", "\(facts.counts.count)", "\(heads.count)")
    }
    if let count = facts.counts.first(where: { !(0...seen).contains($0) }) {
      throw impossible("the number of entries", "\(count)", "0 to \(seen)")
    }
    guard facts.tails.count == heads.count,
      zip(facts.counts, facts.tails).allSatisfy({ (0...min($0, residual)).contains($1) })
    else {
      throw impossible(
        "the number of entries in f16", "\(facts.tails.prefix(4))",
        "\(heads.count) up to \(residual), and to all entries")
    }
    guard facts.evicted >= 0 else { throw impossible("the number of evictions", "\(facts.evicted)", "at least 0") }
    guard facts.members.count == segments.count, facts.members.allSatisfy({ (0...seen).contains($0) }) else {
      throw impossible("the length of open segments", "\(facts.members.prefix(4))", "\(segments.count) up to \(seen)")
    }
    // A width of 2¹⁶ and as many heads keep the bytes of their statistics within 63 bits.
    guard (0...Int(Int32.max)).contains(facts.queries), (0...1 << 16).contains(facts.queryHeads),
      facts.queries == 0 || (policy.records.expectedAttention != nil && facts.queryHeads > 0)
    else {
      throw impossible(
        "the statistics", "\(facts.queries) queries of \(facts.queryHeads) heads",
        "queries of heads, where the policy asks for them")
    }
    guard policy.takeUp(facts.notes) else {
      throw impossible("what the policy noted", "\(facts.notes.prefix(4))", "notes of this policy")
    }
    evicted = facts.evicted
    ledger.seen = seen
  }

  /// Reads the ledger and the pages of one head.
  private mutating func load(
    _ head: Int, count: Int, tail: Int, seen: Int, from file: inout SectionReader
  ) throws(CacheError) {
    let columns = LedgerColumns(records: policy.records, layout: layout, seen: seen)
    try columns.fill(
      &ledger.heads[head], count: count, from: try file.next(.ledger, length: columns.length(count: count)))
    try heads[head].body.load(count - tail, from: &file)
    try heads[head].tail.load(tail, from: &file)
  }
}

extension HeadPages {
  /// Reads the pages of `count` entries into an empty run.
  fileprivate mutating func load(_ count: Int, from file: inout SectionReader) throws(CacheError) {
    for first in stride(from: 0, to: count, by: PageShape.entries) {
      let page = try file.next(.page, length: shape.bytes)
      do {
        try append(page: page, used: min(PageShape.entries, count - first))
      } catch {
        throw .memory(error)
      }
    }
  }
}

extension CacheLayout {
  /// The layout in a few words, for messages.
  fileprivate var summary: String {
    guard let store = stores.first else { return "no stores" }
    return "\(stores.count) stores, the first of \(store.heads) heads with keys of \(store.keyWidth) and values of "
      + "\(store.valueWidth) numbers"
  }
}
