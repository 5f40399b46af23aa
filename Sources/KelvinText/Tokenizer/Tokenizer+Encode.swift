import Foundation

extension Tokenizer {
  /// The tokens of a text.
  ///
  /// `addSpecial` puts the begin and end tokens around it where the vocabulary says so. `parseSpecial` recognises
  /// control tokens written out in the text, the longest first; leave it off for text from strangers. Bytes that have
  /// no token are left out. Cost: n log n in the length of the longest word.
  public func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = true) -> [Int32] {
    let special = vocabulary.special
    var ids: [Int32] = []
    if addSpecial, special.addsBegin, let begin = special.begin { ids.append(begin) }
    let composed = vocabulary.composesCharacters ? text.precomposedStringWithCanonicalMapping : text
    let bytes = Array(composed.utf8)
    var loop = MergeLoop(table)
    var isFirst = true
    for fragment in (parseSpecial ? specialTokens : userTokens).fragments(of: bytes) {
      switch fragment {
      case .token(let id): ids.append(id)
      case .text(let range):
        switch vocabulary.model {
        case .byteLevelBPE(let rule): encodeWords(bytes[range], rule, &loop, into: &ids)
        case .sentencePiece: encodePieces(bytes[range], isFirst: isFirst, &loop, into: &ids)
        }
      }
      isFirst = false
    }
    if addSpecial, special.addsEnd, let end = special.end { ids.append(end) }
    return ids
  }

  private func encodeWords(
    _ text: ArraySlice<UInt8>, _ rule: PreTokenizer, _ loop: inout MergeLoop, into ids: inout [Int32]
  ) {
    let bytes = Array(text)
    var start = 0
    for length in WordScanner(text).words(rule) {
      let word = start..<(start + length)
      start += length
      if vocabulary.prefersWholeWords, let id = wholeWord(bytes[word]) {
        ids.append(id)
        continue
      }
      loop.begin()
      for position in word where byteIDs[Int(bytes[position])] >= 0 {
        loop.add(id: byteIDs[Int(bytes[position])], start: position, length: 1)
      }
      loop.run(over: bytes) { ids.append($0.id) }
    }
  }

  private func wholeWord(_ word: ArraySlice<UInt8>) -> Int32? {
    guard word.count <= index.longest else { return nil }
    return index[word.flatMap { ByteAlphabet.spellings[Int($0)] }[...]]
  }

  private func encodePieces(
    _ text: ArraySlice<UInt8>, isFirst: Bool, _ loop: inout MergeLoop, into ids: inout [Int32]
  ) {
    let bytes = SentencePieceSpelling.spelled(text, prefixed: needsSpace(text, isFirst: isFirst))
    loop.begin()
    var start = 0
    while start < bytes.count {
      let end = start + Self.width(ofScalarStartingWith: bytes[start])
      loop.add(id: textPiece(bytes[start..<end]), start: start, length: end - start)
      start = end
    }
    loop.run(over: bytes) { symbol in
      if symbol.id >= 0 {
        ids.append(symbol.id)
      } else {
        appendFallback(bytes[Int(symbol.start)..<Int(symbol.start + symbol.length)], to: &ids)
      }
    }
  }

  private func needsSpace(_ text: ArraySlice<UInt8>, isFirst: Bool) -> Bool {
    let hasSpace = text.first == 0x20 || text.starts(with: SentencePieceSpelling.space)
    if vocabulary.keepsLeadingSpace, hasSpace { return false }
    return switch vocabulary.spacePrefix {
    case .never: false
    case .first: isFirst
    case .everySegment: true
    }
  }

  private static func width(ofScalarStartingWith byte: UInt8) -> Int {
    byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
  }

  private func textPiece(_ spelling: ArraySlice<UInt8>) -> Int32 {
    guard let id = index[spelling] else { return -1 }
    let kind = vocabulary.kinds[Int(id)]
    return kind == .normal || kind == .userDefined ? id : -1
  }

  /// Spells text that no piece covers by its bytes, or by the unknown token where one of them has no piece either.
  private func appendFallback(_ text: ArraySlice<UInt8>, to ids: inout [Int32]) {
    let fallback = text.map { byteIDs[Int($0)] }
    if fallback.allSatisfy({ $0 >= 0 }) {
      ids += fallback
    } else if let unknown = vocabulary.special.unknown {
      ids.append(unknown)
    }
  }
}
