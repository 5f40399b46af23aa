/// The plain cache: every entry stays.
public struct Full: CachePolicy {
  /// Nothing is measured.
  public let records = Records()
  /// Kept entries stay where they were born.
  public let places = Places.original

  /// The policy that keeps everything.
  public init() {}

  /// A prompt changes nothing.
  public mutating func begin(at place: StorePlace, promptLength: Int) {}
  /// Nothing leaves.
  public mutating func review(_ ledger: borrowing Ledger, at moment: Moment, edits: inout Edits) {}

  /// The registry's line.
  public static let entry = PolicyEntry(
    name: "full", summary: "every entry stays", paper: "the plain key-value cache", options: [], acts: "never"
  ) { _ in Full() }
}
