/// What a policy may keep.
public enum Budget: Sendable, Hashable, CustomStringConvertible {
  /// Everything.
  case unbounded
  /// Entries of every head.
  case entries(Int)
  /// A fraction of the prompt's length, fixed when the prompt ends.
  case fraction(Double)
  /// Bytes of the whole sequence; what its states leave is shared evenly by all heads.
  case bytes(Int)

  /// Reads `512`, `20%`, `0.2`, `64MiB` or `unbounded`; `nil` for anything else, and for a budget of nothing.
  public init?(_ text: String) {
    if text == "unbounded" {
      self = .unbounded
    } else if text.hasSuffix("%"), let percent = Double(text.dropLast()), percent > 0, percent <= 100 {
      self = .fraction(percent / 100)
    } else if let unit = Self.units.first(where: { text.hasSuffix($0.name) }) {
      guard let number = Double(text.dropLast(unit.name.count)), number > 0, number * unit.bytes < 1e18 else {
        return nil
      }
      self = .bytes(Int(number * unit.bytes))
    } else if let count = Int(text) {
      guard count > 0, count <= Self.mostEntries else { return nil }
      self = .entries(count)
    } else if let fraction = Double(text), fraction > 0, fraction <= 1 {
      self = .fraction(fraction)
    } else {
      return nil
    }
  }

  /// How a budget may be written, for error messages.
  public static let spellings = "entries like 512, a share of the prompt like 20% or 0.2, or bytes like 64MiB"

  /// The budget in a spelling that can be read again.
  public var description: String {
    switch self {
    case .unbounded: "unbounded"
    case .entries(let count): "\(count)"
    case .fraction(let share):
      (share * 100).rounded() == share * 100 ? "\(Int(share * 100))%" : "\(share)"
    case .bytes(let bytes):
      bytes.isMultiple(of: 1 << 20) ? "\(bytes >> 20)MiB" : "\(bytes)B"
    }
  }

  /// Entries per head, at least one; `nil` when unbounded.
  ///
  /// Fractions round by `rounding` (down unless a method says otherwise). Bytes buy whole pages.
  public func entries(at place: StorePlace, promptLength: Int, rounding: FloatingPointRoundingRule = .down) -> Int? {
    switch self {
    case .unbounded: nil
    case .entries(let count): count
    case .fraction(let share): max(1, Int((share * Double(promptLength)).rounded(rounding)))
    case .bytes(let bytes):
      max(1, place.entries(in: max(0, bytes - place.stateBytes) / place.allHeads))
    }
  }

  /// The largest count that is believed: positions are 32-bit.
  static let mostEntries = Int(Int32.max)

  private static let units: [(name: String, bytes: Double)] = [
    ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1),
  ]
}
