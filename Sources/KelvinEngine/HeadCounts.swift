import KelvinAttention
import KelvinPolicies

/// How many entries the heads of a store hold.
struct HeadCounts {
  /// In the mean over the heads, in every head at least, and in a head at most.
  let mean, least, most: Int

  /// As many in every head.
  init(each entries: Int) { (mean, least, most) = (entries, entries, entries) }

  /// What is there of `total` tokens when a policy reviewed last `ago` tokens before.
  init(_ kept: KeptEntries, in store: StoreLayout, total: Int, ago: Int, most: Int) {
    let all = store.mostEntries(of: total - ago)
    mean = min(min(all, kept.mean) + ago, most)
    self.most = most
    // Windows and merging take entries out of a head that others do not lose.
    let isSteady = store.reach == .everything && store.gating == nil
    let isShared = kept.isShared && kept.mean < all && store.heads > 1
    least = isShared ? (isSteady ? kept.least + ago : 0) : mean
  }

  var areAlike: Bool { least == mean }

  /// The most bytes that `heads` heads can take together, to which a head's entries are `bytes`; `nil`: too many.
  ///
  /// Heads that share a budget take most where many of them have just begun a page. `bytes` is a staircase over entries; on
  /// the chords between its steps lies what heads take on average at most, and the highest chord at the mean is the bound.
  func mostBytes(of heads: Int, in unit: Int, _ tail: HeadTail, _ bytes: (Int) -> Int?) -> Int? {
    guard !areAlike else { return Checked.product(heads, bytes(mean)) }
    let points = [least, mean, most] + HeadParts.steps(tail, from: least, to: most)
    var highest = 0
    for left in points where left <= mean {
      for right in points where right > mean || (right == mean && left == mean) {
        guard let low = bytes(left), let high = bytes(right) else { return nil }
        let width = max(1, right - left)
        guard let rise = Checked.product(Int128(high - low), Int128(mean - left)),
          let level = Checked.product(Int128(low), Int128(width)),
          let sum = Checked.product(Int128(heads), Checked.sum(level, rise)),
          let most = Int(exactly: sum / (Int128(width) * Int128(unit)) * Int128(unit))
        else { return nil }
        highest = max(highest, most)
      }
    }
    return highest
  }
}

/// How many entries a store holds, and how they lie.
struct StoreCounts {
  let heads: HeadCounts
  let tail: HeadTail
  /// Whether there may be less.
  let isBound: Bool
}
