extension TemplateLexer {
  mutating func string(_ quote: Unicode.Scalar) throws(TextError) -> String {
    position += 1
    var text = ""
    while position < source.count {
      let scalar = source[position]
      position += 1
      if scalar == quote { return text }
      if scalar == "\n" { line += 1 }
      if scalar == "\\" { appendEscape(to: &text) } else { text.unicodeScalars.append(scalar) }
    }
    throw problem("a string has no end, expected \(quote)")
  }

  private mutating func appendEscape(to text: inout String) {
    guard position < source.count else { return }
    let letter = source[position]
    position += 1
    switch letter {
    case "n": text += "\n"
    case "t": text += "\t"
    case "r": text.unicodeScalars.append("\r")
    case "b": text += "\u{8}"
    case "f": text += "\u{C}"
    case "v": text += "\u{B}"
    case "a": text += "\u{7}"
    case "\n": line += 1
    case "\\", "'", "\"": text.unicodeScalars.append(letter)
    case "x": appendHexadecimal(2, letter, to: &text)
    case "u": appendHexadecimal(4, letter, to: &text)
    case "U": appendHexadecimal(8, letter, to: &text)
    case "0"..."7": appendOctal(letter, to: &text)
    default:
      text += "\\"
      text.unicodeScalars.append(letter)
    }
  }

  private mutating func appendHexadecimal(_ digits: Int, _ letter: Unicode.Scalar, to text: inout String) {
    let end = position + digits
    guard end <= source.count, let value = UInt32(self.text(position..<end), radix: 16) else {
      text += "\\\(letter)"
      return
    }
    position = end
    text.unicodeScalars.append(Unicode.Scalar(value) ?? "\u{FFFD}")
  }

  private mutating func appendOctal(_ first: Unicode.Scalar, to text: inout String) {
    var value = first.value - 48
    var digits = 1
    while digits < 3, position < source.count, ("0"..."7").contains(source[position]) {
      value = value * 8 + source[position].value - 48
      position += 1
      digits += 1
    }
    text.unicodeScalars.append(Unicode.Scalar(value) ?? "\u{FFFD}")
  }
}
