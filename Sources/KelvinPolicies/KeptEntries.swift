/// How many entries a policy keeps in the heads of a store, and when.
public struct KeptEntries: Sendable, Hashable {
  /// Entries that a review leaves in a head, in the mean over the store's heads.
  public var mean: Int
  /// Whether heads share: one may hold more than the mean, and others less.
  public var isShared = false
  /// Entries that it leaves in every head at least, where nothing but the policy lets them go.
  public var least: Int
  /// The newest entries that are among them in every head.
  public var newest: Int
  /// The part of a sequence's life in which entries leave.
  public var when: When
  /// Steps from one review to the next.
  public var period = 1

  /// The same in all heads, after every step.
  public init(each entries: Int, newest: Int, when: When) {
    mean = entries
    least = entries
    self.newest = newest
    self.when = when
  }
}
