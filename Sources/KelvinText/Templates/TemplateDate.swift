import Foundation

/// A moment as a template's `strftime_now` writes it, in Greenwich time and English.
struct TemplateDate {
  private let parts: DateComponents

  init(_ date: Date) {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(secondsFromGMT: 0) ?? .current
    parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second, .weekday, .dayOfYear], from: date)
  }

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

  /// The moment in the format of C's `strftime`; `%-d` leaves out padding, unknown letters stay as they are.
  func formatted(_ format: String) -> String {
    var text = ""
    var rest = format.unicodeScalars.makeIterator()
    while let scalar = rest.next() {
      guard scalar == "%", var letter = rest.next() else {
        text.unicodeScalars.append(scalar)
        continue
      }
      let isPadded = letter != "-"
      if !isPadded { letter = rest.next() ?? "%" }
      text += field(letter, isPadded) ?? "%\(letter)"
    }
    return text
  }

  private func field(_ letter: Unicode.Scalar, _ isPadded: Bool) -> String? {
    let month = Self.months[min(max((parts.month ?? 1) - 1, 0), 11)]
    let day = Self.days[min(max((parts.weekday ?? 1) - 1, 0), 6)]
    let hour = parts.hour ?? 0
    func number(_ value: Int?, _ width: Int = 2, _ padding: String = "0") -> String {
      let digits = String(value ?? 0)
      return String(repeating: padding, count: isPadded ? max(0, width - digits.utf8.count) : 0) + digits
    }
    switch letter {
    case "Y": return String(parts.year ?? 0)
    case "y": return number((parts.year ?? 0) % 100)
    case "m": return number(parts.month)
    case "d": return number(parts.day)
    case "e": return number(parts.day, 2, " ")
    case "j": return number(parts.dayOfYear, 3)
    case "B": return month
    case "b", "h": return String(month.prefix(3))
    case "A": return day
    case "a": return String(day.prefix(3))
    case "H": return number(hour)
    case "I": return number((hour + 11) % 12 + 1)
    case "M": return number(parts.minute)
    case "S": return number(parts.second)
    case "p": return hour < 12 ? "AM" : "PM"
    case "F": return "\(number(parts.year, 4))-\(number(parts.month))-\(number(parts.day))"
    case "T": return "\(number(hour)):\(number(parts.minute)):\(number(parts.second))"
    case "%": return "%"
    default: return nil
    }
  }
}
