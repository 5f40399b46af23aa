/// Merges neighbouring symbols, best pair first, the leftmost among equals, until no pair is left.
///
/// Symbols form a linked list and candidates wait in a heap, so a word of n symbols costs n log n however long it is.
/// A candidate whose symbols have changed since is recognised by its length and skipped. One loop serves many words
/// and keeps its storage.
struct MergeLoop {
  /// A run of bytes that is one token so far.
  struct Symbol {
    /// The token, or -1 where no piece covers the run.
    var id: Int32
    /// The run in the text.
    var start: Int32
    /// Zero once the symbol is part of its left neighbour.
    var length: Int32
    var previous: Int32
    var next: Int32
  }

  private struct Candidate {
    var priority: Float
    var left: Int32
    var right: Int32
    var length: Int32
    var id: Int32

    func goesBefore(_ other: Candidate) -> Bool {
      priority == other.priority ? left < other.left : priority > other.priority
    }
  }

  private let table: MergeTable
  private var symbols: ContiguousArray<Symbol> = []
  private var heap: ContiguousArray<Candidate> = []

  init(_ table: MergeTable) {
    self.table = table
  }

  /// Starts a new word.
  mutating func begin() {
    symbols.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
  }

  /// Adds a symbol to the word.
  mutating func add(id: Int32, start: Int, length: Int) {
    let index = Int32(symbols.count)
    symbols.append(
      Symbol(id: id, start: Int32(start), length: Int32(length), previous: index - 1, next: index + 1))
  }

  /// Merges the word and hands over what is left of it, in order.
  mutating func run(over text: [UInt8], emit: (Symbol) -> Void) {
    guard !symbols.isEmpty else { return }
    symbols[symbols.count - 1].next = -1
    for right in 1..<max(1, symbols.count) { propose(Int32(right - 1), Int32(right), text) }
    while let best = pop() {
      let (left, right) = (Int(best.left), Int(best.right))
      guard symbols[left].length > 0, symbols[right].length > 0,
        symbols[left].length + symbols[right].length == best.length
      else { continue }
      symbols[left].id = best.id
      symbols[left].length = best.length
      symbols[left].next = symbols[right].next
      symbols[right].length = 0
      let after = symbols[left].next
      if after >= 0 {
        symbols[Int(after)].previous = best.left
        propose(best.left, after, text)
      }
      if symbols[left].previous >= 0 { propose(symbols[left].previous, best.left, text) }
    }
    var index: Int32 = 0
    while index >= 0 {
      emit(symbols[Int(index)])
      index = symbols[Int(index)].next
    }
  }

  private mutating func propose(_ left: Int32, _ right: Int32, _ text: [UInt8]) {
    let (first, second) = (symbols[Int(left)], symbols[Int(right)])
    let spelling = text[Int(first.start)..<Int(second.start + second.length)]
    guard let found = table.merge(first.id, second.id, spelling: spelling) else { return }
    push(
      Candidate(
        priority: found.priority, left: left, right: right, length: first.length + second.length, id: found.id))
  }

  private mutating func push(_ candidate: Candidate) {
    heap.append(candidate)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard candidate.goesBefore(heap[parent]) else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = candidate
  }

  private mutating func pop() -> Candidate? {
    guard let best = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return best }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].goesBefore(heap[child]) { child += 1 }
      guard heap[child].goesBefore(last) else { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = last
    return best
  }
}
