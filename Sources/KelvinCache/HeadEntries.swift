import KelvinAttention
import KelvinTensors
import Synchronization

/// The entries of one head: in one run of pages, or in two where the newest stay in f16.
///
/// Old entries lie in the *body*, the newest in the *tail* behind it: entry `j` of the head is entry `j` of the body where
/// `j < body.count`, and entry `j − body.count` of the tail otherwise. New entries come last, but for one that takes
/// the place of another. Without a residual everything lies in the body, and the tail has no pages.
///
/// It is a class because arrays cannot hold what cannot be copied.
final class HeadEntries {
  var body: HeadPages
  var tail: HeadPages
  /// The entries that stay in the tail when a pass is over; 0: there is no tail.
  let residual: Int
  /// The place of an entry that left, where a step's new entry will lie; nobody attends before it does.
  var vacancy: Int?
  /// The place of the first of the entries that came last; the others follow.
  var firstAdded = 0
  /// The sum of the directions of all keys, where somebody asked for it and every change since was followed.
  var directions: KeyDirections?
  /// Whether it holds the key of an entry that has room and is not written yet.
  var isAnnounced = false
  /// While a step is attended to: the spans that nobody is done with yet.
  let openSpans = Atomic<Int>(0)
  /// While a step is attended to: the number of the first span among those of all heads.
  var firstSpan = 0

  /// No entries yet; `shape` is that of the body's pages.
  init(shape: PageShape, residual: Int, pool: PagePool) {
    body = HeadPages(shape: shape, pool: pool)
    tail = HeadPages(shape: shape.unquantised, pool: pool)
    self.residual = residual
  }

  private init(body: consuming HeadPages, tail: consuming HeadPages, residual: Int) {
    self.body = body
    self.tail = tail
    self.residual = residual
  }

  /// The same entries in the same pages.
  func fork() -> HeadEntries { HeadEntries(body: body.fork(), tail: tail.fork(), residual: residual) }

  var count: Int { body.count + tail.count }
  var pageCount: Int { body.pageCount + tail.pageCount }
  var bytes: Int { body.pageCount * body.shape.bytes + tail.pageCount * tail.shape.bytes }
  /// Bytes of the pages that another head also holds.
  var sharedBytes: Int { body.countSharedPages() * body.shape.bytes + tail.countSharedPages() * tail.shape.bytes }
  /// Places for a number of every entry, where numbers are written a page at a time.
  var places: Int { pageCount * PageShape.entries }

  /// Makes room for `added` more entries, or throws and changes nothing; `write` says what they are.
  func grow(by added: Int) throws(MemoryError) {
    if residual > 0 { try tail.grow(by: added) } else { try body.grow(by: added) }
  }

  /// Writes the columns of `head` of `keys` `[T, H·Dk]` and `values` `[T, H·Dv]` as the entries that room was made for.
  func write(_ keys: Tensor, _ values: Tensor?, head: Int, kernels: Kernels) {
    if residual > 0 {
      tail.write(keys, values, head: head, first: firstAdded - body.count, kernels: kernels)
    } else {
      body.write(keys, values, head: head, first: firstAdded, kernels: kernels)
    }
    if keys.rows == 1 { addDirection(of: firstAdded, kernels: kernels) } else { directions = nil }
  }

  /// Lets all entries but the first `count` go.
  func shorten(to count: Int) {
    tail.shorten(to: max(0, count - body.count))
    body.shorten(to: min(count, body.count))
  }

  /// Removes an entry; the last of its run takes its place.
  /// - Returns: the number that this last one had.
  func swapRemove(_ entry: Int) throws(MemoryError) -> Int {
    if entry < body.count {
      try body.swapRemove(entry)
      return body.count
    }
    try tail.swapRemove(entry - body.count)
    return count
  }

  /// Removes an entry whose page no fork holds; the last of its run takes its place.
  /// - Returns: the number that this last one had.
  func swapRemoveOwned(_ entry: Int) -> Int {
    if entry < body.count {
      body.swapRemoveOwned(entry)
      return body.count
    }
    tail.swapRemoveOwned(entry - body.count)
    return count
  }

  /// Moves an entry of the tail to the end of the body, rounded as the body's format says; the last entry takes its place.
  /// - Parameters:
  ///   - key: room for the key, `[1, Dk]`.
  ///   - value: room for the value, `[1, Dv]`.
  /// - Throws: where the pool has no page for it; the entry stays.
  func settle(_ entry: Int, key: Tensor, value: Tensor, kernels: Kernels) throws(MemoryError) {
    directions = nil
    let place = entry - body.count
    try tail.own(replacing: place)
    try body.grow(by: 1)
    tail.read(place, key: key, value: value, kernels: kernels)
    body.write(key, value, head: 0, first: body.count - 1, kernels: kernels)
    tail.swapRemoveOwned(place)
  }
}

/// Entries of a head that lie in one run of pages.
struct Run {
  let table: PageTable
  /// Their numbers in the run.
  let entries: Range<Int>
  /// The number in the head of the first of them.
  let first: Int
}

/// Entries of a head in spans that are read at one go: none reaches from one run into the other.
struct Spans {
  /// Entries of the body, and of the tail.
  let old, new: Int
  /// The most entries of a span.
  let length: Int

  private var oldCount: Int { (old + length - 1) / length }

  /// How many there are.
  var count: Int { oldCount + (new + length - 1) / length }

  /// The entries of span `index`.
  subscript(index: Int) -> Range<Int> {
    if index < oldCount { return index * length..<min(old, (index + 1) * length) }
    let first = old + (index - oldCount) * length
    return first..<min(old + new, first + length)
  }
}

extension HeadEntries {
  /// Visits the runs that `entries` lie in, the body first.
  ///
  /// Kernels read pages from the start: `entries` begins at the head's first, or as a span does. `next` is what is read
  /// after them.
  func eachRun(of entries: Range<Int>, followedBy next: PagesAhead = PagesAhead(), _ visit: (Run) -> Void) {
    let old = entries.clamped(to: 0..<body.count)
    if !old.isEmpty {
      _ = body.withTable(followedBy: next) { visit(Run(table: $0, entries: old, first: old.lowerBound)) }
    }
    let new = entries.clamped(to: body.count..<count)
    guard !new.isEmpty else { return }
    let numbers = new.lowerBound - body.count..<new.upperBound - body.count
    _ = tail.withTable(followedBy: next) { visit(Run(table: $0, entries: numbers, first: new.lowerBound)) }
  }

  /// Where the first pages of a span lie.
  func pagesAhead(of span: Range<Int>) -> PagesAhead {
    if span.lowerBound < body.count { return body.pagesAhead(of: span) }
    return tail.pagesAhead(of: span.lowerBound - body.count..<span.upperBound - body.count)
  }

  /// Its entries in spans of up to `length`.
  func spans(of length: Int) -> Spans { Spans(old: body.count, new: tail.count, length: length) }

  /// The keys of all entries `[count, Dk]`, as they were written.
  func keys(on processor: Processor) -> Tensor {
    let keys = processor.tensor(rows: count, columns: body.shape.keyWidth)
    let values = processor.tensor(rows: processor.threads, columns: body.shape.valueWidth)
    eachRun(of: 0..<count) { run in
      nonisolated(unsafe) let run = run
      processor.parallel((run.entries.count + 63) / 64) { block, worker in
        for entry in block * 64..<min(run.entries.count, block * 64 + 64) {
          processor.kernels.read(
            run.table, entry: entry, key: keys.pointer + (run.first + entry) * keys.columns,
            value: values.pointer + worker * values.columns)
        }
      }
    }
    return keys
  }
}
