/// The plain cache: every entry stays.
public struct Full: CachePolicy {
  public let records = Records()
  public let places = Places.original

  public init() {}

  public mutating func begin(at place: StorePlace, promptLength: Int) {}
  public mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {}

  /// The registry's line.
  public static let entry = PolicyEntry(
    name: "full", summary: "every entry stays", paper: "the plain key-value cache", options: [], acts: "never"
  ) { _ in Full() }
}
