/// A token of a template and the line where it starts.
struct TemplateToken: Equatable {
  /// What a token is.
  enum Kind: Equatable {
    case text(String)
    case outputBegin
    case outputEnd
    case blockBegin
    case blockEnd
    case name(String)
    case string(String)
    case integer(Int)
    case float(Double)
    case sign(String)
    case end
  }

  var kind: Kind
  var line: Int
}

/// Cuts a template into tokens.
///
/// White space follows Jinja with `trim_blocks` and `lstrip_blocks`, as published chat templates expect: a line break
/// right after a block or comment goes, and so does white space in front of one that begins its line; `-` takes all
/// white space, `+` keeps it. One line break at the end of the template goes too.
struct TemplateLexer {
  let source: [Unicode.Scalar]
  var position = 0
  var line = 1
  private var tokens: [TemplateToken] = []

  init(_ source: String) {
    var scalars: [Unicode.Scalar] = []
    for scalar in source.unicodeScalars {
      if scalar == "\n", scalars.last == "\r" { scalars.removeLast() }
      scalars.append(scalar)
    }
    self.source = scalars.map { $0 == "\r" ? "\n" : $0 }.dropLast(scalars.last == "\n" || scalars.last == "\r" ? 1 : 0)
  }

  mutating func tokenise() throws(TextError) -> [TemplateToken] {
    while position < source.count {
      let start = position
      while position < source.count, !isTagStart { position += 1 }
      let isOutput = position + 1 < source.count && source[position + 1] == "{"
      addText(from: start, to: position, beforeOutput: isOutput)
      guard position < source.count else { break }
      let opening = source[position + 1]
      position += 2
      if position < source.count, source[position] == "-" || source[position] == "+" { position += 1 }
      if opening == "#" { try skipComment() } else { try addTag(opening == "{") }
    }
    tokens.append(TemplateToken(kind: .end, line: line))
    return tokens
  }

  func problem(_ what: String) -> TextError { .templateSyntax(line: line, problem: what) }

  private var isTagStart: Bool {
    guard source[position] == "{", position + 1 < source.count else { return false }
    return source[position + 1] == "{" || source[position + 1] == "%" || source[position + 1] == "#"
  }

  private mutating func addText(from start: Int, to end: Int, beforeOutput: Bool) {
    var end = end
    countLines(start..<end)
    let sign = end + 2 < source.count ? source[end + 2] : " "
    if end < source.count, sign == "-" {
      while end > start, source[end - 1].properties.isWhitespace { end -= 1 }
    } else if end < source.count, sign != "+", !beforeOutput {
      var edge = end
      while edge > start, source[edge - 1] != "\n", source[edge - 1].properties.isWhitespace { edge -= 1 }
      if edge == 0 || source[edge - 1] == "\n" { end = edge }
    }
    guard end > start else { return }
    tokens.append(TemplateToken(kind: .text(text(start..<end)), line: line))
  }

  private mutating func countLines(_ range: Range<Int>) {
    for scalar in source[range] where scalar == "\n" { line += 1 }
  }

  func text(_ range: Range<Int>) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: source[range])
    return text
  }

  private mutating func skipComment() throws(TextError) {
    while position + 1 < source.count {
      if source[position] == "#", source[position + 1] == "}" {
        let sign = source[position - 1]
        position += 2
        return skipSpace(after: sign, isOutput: false)
      }
      if source[position] == "\n" { line += 1 }
      position += 1
    }
    throw problem("a comment has no end, expected '#}'")
  }

  /// Removes white space after a tag that ended with `sign` before its bracket.
  private mutating func skipSpace(after sign: Unicode.Scalar, isOutput: Bool) {
    if sign == "-" {
      while position < source.count, source[position].properties.isWhitespace {
        if source[position] == "\n" { line += 1 }
        position += 1
      }
    } else if sign != "+", !isOutput, position < source.count, source[position] == "\n" {
      line += 1
      position += 1
    }
  }

  private mutating func addTag(_ isOutput: Bool) throws(TextError) {
    tokens.append(TemplateToken(kind: isOutput ? .outputBegin : .blockBegin, line: line))
    let ending: Unicode.Scalar = isOutput ? "}" : "%"
    var openBraces = 0
    while position < source.count {
      let scalar = source[position]
      let isSigned = scalar == "-" || scalar == "+"
      let close = isSigned ? position + 1 : position
      if openBraces == 0, close + 1 < source.count, source[close] == ending, source[close + 1] == "}" {
        tokens.append(TemplateToken(kind: isOutput ? .outputEnd : .blockEnd, line: line))
        position = close + 2
        return skipSpace(after: isSigned ? scalar : " ", isOutput: isOutput)
      }
      if scalar == "{" { openBraces += 1 }
      if scalar == "}" { openBraces -= 1 }
      try addToken(scalar)
    }
    throw problem("a tag has no end, expected '\(isOutput ? "}}" : "%}")'")
  }

  private mutating func addToken(_ scalar: Unicode.Scalar) throws(TextError) {
    let start = position
    if scalar.properties.isWhitespace {
      if scalar == "\n" { line += 1 }
      position += 1
    } else if scalar == "'" || scalar == "\"" {
      let first = line
      tokens.append(TemplateToken(kind: .string(try string(scalar)), line: first))
    } else if isDigit(start) {
      tokens.append(TemplateToken(kind: try number(), line: line))
    } else if scalar == "_" || scalar.properties.isAlphabetic {
      while position < source.count, isNamePart(source[position]) { position += 1 }
      tokens.append(TemplateToken(kind: .name(text(start..<position)), line: line))
    } else {
      let pair = text(start..<min(start + 2, source.count))
      let isPair = ["**", "//", "==", "!=", "<=", ">="].contains(pair)
      let sign = isPair ? pair : String(scalar)
      guard isPair || "+-*/%~<>=()[]{}|.,:".unicodeScalars.contains(scalar) else {
        throw problem("unexpected character '\(scalar)'")
      }
      position += isPair ? 2 : 1
      tokens.append(TemplateToken(kind: .sign(sign), line: line))
    }
  }

  private func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal
  }

  private func isDigit(_ index: Int) -> Bool { index < source.count && ("0"..."9").contains(source[index]) }

  private mutating func number() throws(TextError) -> TemplateToken.Kind {
    let start = position
    while isDigit(position) || (position < source.count && source[position] == "_") { position += 1 }
    var isFloat = false
    if position < source.count, source[position] == ".", isDigit(position + 1) {
      isFloat = true
      position += 1
      while isDigit(position) { position += 1 }
    }
    if position < source.count, source[position] == "e" || source[position] == "E" {
      let isSigned = position + 1 < source.count && (source[position + 1] == "+" || source[position + 1] == "-")
      if isDigit(position + (isSigned ? 2 : 1)) {
        isFloat = true
        position += 2
        while isDigit(position) { position += 1 }
      }
    }
    let digits = text(start..<position).filter { $0 != "_" }
    if !isFloat, let value = Int(digits) { return .integer(value) }
    guard isFloat, let value = Double(digits) else { throw problem("number \(digits.prefix(40)) is out of range") }
    return .float(value)
  }
}
