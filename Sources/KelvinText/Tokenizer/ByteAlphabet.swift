/// The printable spelling of bytes in byte-level vocabularies: GPT-2's table.
///
/// Printable bytes of Latin-1 stand for themselves; the other 68 take the scalars from U+0100 on, in order, so that a
/// space is `Ġ` and a line feed `Ċ`.
enum ByteAlphabet {
  /// The scalar that spells each byte.
  static let scalars: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0..<256).map { byte in
      let isPrintable = (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte)
      if isPrintable { return Unicode.Scalar(UInt8(byte)) }
      defer { next += 1 }
      return Unicode.Scalar(next) ?? " "
    }
  }()

  /// The UTF-8 form of the scalar that spells each byte.
  static let spellings: [[UInt8]] = scalars.map { Array(String($0).utf8) }

  /// The byte that each scalar below U+0144 spells.
  private static let bytes: [UInt8?] = {
    var table = [UInt8?](repeating: nil, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar.value)] = UInt8(byte) }
    return table
  }()

  /// The bytes that a piece spells; its own UTF-8 where it has a scalar outside the alphabet.
  static func bytes(of piece: String) -> [UInt8] {
    var result: [UInt8] = []
    for scalar in piece.unicodeScalars {
      guard scalar.value < 0x144, let byte = bytes[Int(scalar.value)] else { return Array(piece.utf8) }
      result.append(byte)
    }
    return result
  }
}

/// The spelling of spaces and raw bytes in SentencePiece vocabularies.
enum SentencePieceSpelling {
  /// U+2581, which stands for a space.
  static let space: [UInt8] = [0xE2, 0x96, 0x81]

  /// The byte that `<0x0A>` spells.
  static func byte(of piece: String) -> UInt8? {
    guard piece.utf8.count == 6, piece.hasPrefix("<0x"), piece.hasSuffix(">") else { return nil }
    return UInt8(piece.dropFirst(3).dropLast(), radix: 16)
  }

  /// The bytes that a piece spells, with spaces for U+2581.
  static func bytes(of piece: String) -> [UInt8] {
    var result: [UInt8] = []
    for scalar in piece.unicodeScalars {
      if scalar == "\u{2581}" { result.append(0x20) } else { result += String(scalar).utf8 }
    }
    return result
  }

  /// Text with U+2581 for spaces, and one more in front when asked for.
  static func spelled(_ text: ArraySlice<UInt8>, prefixed: Bool) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 2 + 3)
    if prefixed { result += space }
    for byte in text {
      if byte == 0x20 { result += space } else { result.append(byte) }
    }
    return result
  }
}
