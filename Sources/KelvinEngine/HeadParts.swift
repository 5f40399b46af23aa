import KelvinTensors

/// Which entries of a head are in its tail.
enum HeadTail {
  /// The newest, as many as there are.
  case newest(Int)
  /// Some, so many at most.
  case upTo(Int)
}

/// How the entries of a head are shared out to its two runs.
struct HeadParts {
  /// Entries in the body, and in the tail.
  let old, new: Int

  /// The most pages that `entries` can take: those in the tail may begin its last page.
  init(_ entries: Int, _ tail: HeadTail) {
    switch tail {
    case .newest(let residual): new = min(entries, residual)
    case .upTo(let most): new = max(0, (HeadParts.pages(min(entries, most)) - 1) * PageShape.entries + 1)
    }
    old = entries - new
  }

  var oldPages: Int { Self.pages(old) }
  var newPages: Int { Self.pages(new) }

  static func pages(_ entries: Int) -> Int {
    entries / PageShape.entries + (entries.isMultiple(of: PageShape.entries) ? 0 : 1)
  }

  /// Numbers of entries, `least` to `most`, at which a head takes another page: of each row of pages that are alike, 64 entries
  /// from one to the next, the first and the last.
  static func steps(_ tail: HeadTail, from least: Int, to most: Int) -> [Int] {
    func ends(_ first: Int, _ last: Int) -> [Int] {
      let begin = first + pages(max(0, least - first)) * PageShape.entries
      let end = min(last, most)
      return begin > end ? [] : [begin, end - (end - begin) % PageShape.entries]
    }
    switch tail {
    case .newest(let residual): return ends(1, residual) + ends(residual + 1, most)
    case .upTo(let limit):
      let last = max(0, (pages(min(limit, most)) - 1) * PageShape.entries)
      return ends(1, limit) + ends(2, last + 2) + ends(last + 2, most) + (limit == 0 ? ends(1, most) : [])
    }
  }
}
