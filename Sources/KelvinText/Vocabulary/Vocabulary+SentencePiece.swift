extension Vocabulary {
  /// Reads a SentencePiece `tokenizer.model` with a BPE model and no text normalisation, such as Llama 2's.
  ///
  /// Errors: `malformedFile`; `unsupportedModel` for other algorithms; `unsupportedFeature` for normalisers that change
  /// characters.
  public init(sentencePiece bytes: [UInt8]) throws(TextError) {
    let format = "tokenizer.model"
    var (pieces, scores, kinds) = ([String](), [Float](), [PieceKind]())
    var (trainer, normalizer) = ([ProtobufField](), [ProtobufField]())
    for field in try ProtobufField.fields(of: bytes[...], format) {
      switch field.number {
      case 1:
        let parts = try ProtobufField.fields(of: field.bytes, format)
        pieces.append(String(decoding: parts.last { $0.number == 1 }?.bytes ?? [], as: UTF8.self))
        scores.append(Float(bitPattern: UInt32(truncatingIfNeeded: parts.last { $0.number == 2 }?.value ?? 0)))
        let number = Int(clamping: parts.last { $0.number == 3 }?.value ?? 1)
        kinds += try Self.kinds(ggufNumbers: [number])
      case 2: trainer = try ProtobufField.fields(of: field.bytes, format)
      case 3: normalizer = try ProtobufField.fields(of: field.bytes, format)
      default: break
      }
    }
    let algorithm = trainer.last { $0.number == 3 }?.value ?? 1
    guard algorithm == 2 else {
      let names: [UInt64: String] = [1: "unigram", 3: "word", 4: "character"]
      throw .unsupportedModel(found: names[algorithm] ?? "number \(algorithm)", supported: ["BPE"])
    }
    guard normalizer.last(where: { $0.number == 2 })?.bytes.isEmpty ?? true else {
      throw .unsupportedFeature(format: format, feature: "a normaliser that changes characters")
    }
    guard normalizer.last(where: { $0.number == 4 })?.value == 0 else {
      throw .unsupportedFeature(format: format, feature: "removing extra white space")
    }
    try self.init(model: .sentencePiece, pieces: pieces, scores: scores, kinds: kinds)
    spacePrefix = (normalizer.last { $0.number == 3 }?.value ?? 1) != 0 ? .everySegment : .never
    func role(_ number: Int, _ standard: UInt64) -> Int32? {
      let id = Int32(truncatingIfNeeded: trainer.last { $0.number == number }?.value ?? standard)
      return (0..<count).contains(Int(id)) ? id : nil
    }
    special.unknown = role(40, 0)
    special.begin = role(41, 1)
    special.end = role(42, 2)
    special.padding = role(43, .max)
    special.addsBegin = special.begin != nil
  }
}

/// One field of a Protocol Buffers message.
struct ProtobufField {
  var number: Int
  /// The value of a number.
  var value: UInt64 = 0
  /// The content of a string or message.
  var bytes: ArraySlice<UInt8> = []

  /// The fields of a message in order.
  static func fields(of message: ArraySlice<UInt8>, _ format: String) throws(TextError) -> [ProtobufField] {
    var (fields, position) = ([ProtobufField](), message.startIndex)
    func problem(_ what: String) -> TextError { .malformedFile(format: format, offset: position, problem: what) }
    func take(_ count: UInt64) throws(TextError) -> ArraySlice<UInt8> {
      guard count <= UInt64(message.endIndex - position) else { throw problem("the file ends inside a field") }
      defer { position += Int(count) }
      return message[position..<(position + Int(count))]
    }
    func variable() throws(TextError) -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard let byte = try take(1).first else { break }
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      throw problem("a number is longer than 64 bits")
    }
    while position < message.endIndex {
      let key = try variable()
      var field = ProtobufField(number: Int(clamping: key >> 3))
      switch key & 7 {
      case 0: field.value = try variable()
      case 1: field.value = try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
      case 2: field.bytes = try take(try variable())
      case 5: field.value = try take(4).reversed().reduce(0) { $0 << 8 | UInt64($1) }
      default: throw problem("field of unknown type \(key & 7)")
      }
      fields.append(field)
    }
    return fields
  }
}
