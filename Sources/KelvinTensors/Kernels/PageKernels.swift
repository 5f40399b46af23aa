import CKelvinKernels

/// How the numbers of a cache entry are written.
///
/// `q8_0` and `q4_0` are the GGUF formats: blocks of 32 numbers share a scale.
public enum EntryFormat: String, CaseIterable, Sendable, Hashable {
  case f32, f16, bf16
  case q8_0, q4_0

  /// Whether numbers are codes of a few bits.
  ///
  /// A cache spreads keys and values over their neighbours before it rounds so
  /// coarsely.
  public var isQuantised: Bool { self == .q8_0 || self == .q4_0 }

  /// `f16` in the place of a quantised format.
  public var unquantised: EntryFormat { isQuantised ? .f16 : self }

  /// Numbers that are spread over each other before a head of this width is quantised.
  public static func spreadBlock(width: Int) -> Int { width.isMultiple(of: 64) ? 64 : 32 }

  /// Bytes of `count` numbers, scales included; a multiple of 32 where the format is quantised.
  public func bytes(count: Int) -> Int { kelvin_entry_bytes(kernelFormat, count) }

  /// Whether keys and values of this width can be written: quantised ones in whole blocks.
  public func fits(width: Int) -> Bool {
    !isQuantised || width.isMultiple(of: Int(KELVIN_BLOCK)) && width <= Int(KELVIN_MOST_CODES)
  }

  var kernelFormat: kelvin_entry_format {
    switch self {
    case .f32: KELVIN_ENTRY_F32
    case .f16: KELVIN_ENTRY_F16
    case .bf16: KELVIN_ENTRY_BF16
    case .q8_0: KELVIN_ENTRY_Q8_0
    case .q4_0: KELVIN_ENTRY_Q4_0
    }
  }
}

/// The shape of one page of one head: 64 keys, transposed `[Dk, 64]`, then 64 values `[64, Dv]`.
///
/// Both formats fit their widths.
public struct PageShape: Sendable, Hashable {
  /// Entries per page.
  public static let entries = Int(KELVIN_PAGE_ENTRIES)

  /// Key width `Dk`.
  public let keyWidth: Int
  /// Value width `Dv`.
  public let valueWidth: Int
  /// How keys are written.
  public let keyFormat: EntryFormat
  /// How values are written.
  public let valueFormat: EntryFormat
  /// Whether a value is the first numbers of its key, and takes no room of its own.
  public let sharesKey: Bool

  /// A page of keys and values of these widths and formats.
  public init(keyWidth: Int, valueWidth: Int, keyFormat: EntryFormat, valueFormat: EntryFormat) {
    precondition(
      keyFormat.fits(width: keyWidth) && valueFormat.fits(width: valueWidth),
      "keys of \(keyWidth) in \(keyFormat), values of \(valueWidth) in \(valueFormat)")
    self.keyWidth = keyWidth
    self.valueWidth = valueWidth
    self.keyFormat = keyFormat
    self.valueFormat = valueFormat
    sharesKey = false
  }

  /// A page of keys whose first `valueWidth` numbers are the values.
  public init(keyWidth: Int, valueWidth: Int, sharedFormat: EntryFormat) {
    precondition(
      sharedFormat.fits(width: keyWidth) && sharedFormat.fits(width: valueWidth) && valueWidth <= keyWidth,
      "keys of \(keyWidth) with values of \(valueWidth) in \(sharedFormat)")
    self.keyWidth = keyWidth
    self.valueWidth = valueWidth
    keyFormat = sharedFormat
    valueFormat = sharedFormat
    sharesKey = true
  }

  /// The page of the same keys and values with `f16` in the place of quantised formats.
  public var unquantised: PageShape {
    if sharesKey { return PageShape(keyWidth: keyWidth, valueWidth: valueWidth, sharedFormat: keyFormat.unquantised) }
    return PageShape(
      keyWidth: keyWidth, valueWidth: valueWidth, keyFormat: keyFormat.unquantised, valueFormat: valueFormat.unquantised
    )
  }

  private var keyBytes: Int { keyFormat.bytes(count: Self.entries * keyWidth) }

  /// Bytes from the start of a page to its values.
  public var valuesOffset: Int { sharesKey ? 0 : keyBytes }

  /// Bytes of a page.
  public var bytes: Int { keyBytes + (sharesKey ? 0 : valueFormat.bytes(count: Self.entries * valueWidth)) }
}

/// The page table of one head, borrowed for the length of a kernel call.
///
/// Entry `j` lies in page `j / 64`.
public struct PageTable {
  let head: kelvin_head

  /// The table whose element `p` is the start of page `p`; `following` are read next, which kernels may ask for meanwhile.
  public init(
    _ pages: UnsafePointer<UnsafeMutablePointer<UInt8>?>, shape: PageShape, following: PagesAhead = PagesAhead()
  ) {
    head = kelvin_head(
      pages: pages, key_width: Int32(shape.keyWidth), value_width: Int32(shape.valueWidth),
      key_format: shape.keyFormat.kernelFormat, value_format: shape.valueFormat.kernelFormat,
      values_offset: shape.valuesOffset, following: following.starts)
  }
}

/// Where the first pages lie of what is read next.
///
/// It is a guess: nothing is read there, and pages that have gone meanwhile do no harm.
public struct PagesAhead {
  fileprivate var starts: (UnsafePointer<UInt8>?, UnsafePointer<UInt8>?, UnsafePointer<UInt8>?, UnsafePointer<UInt8>?)

  /// Nothing is known.
  public init() { starts = (nil, nil, nil, nil) }

  /// The first of `pages`, as many as kernels ask for.
  public init(_ pages: UnsafeBufferPointer<UnsafeMutablePointer<UInt8>?>) {
    func start(_ index: Int) -> UnsafePointer<UInt8>? { index < pages.count ? UnsafePointer(pages[index]) : nil }
    starts = (start(0), start(1), start(2), start(3))
  }
}

/// A matrix in memory, for kernels: row `r` starts at `base + r · stride`.
public struct Rows {
  let base: UnsafeMutablePointer<Float>
  let stride: Int

  /// The matrix whose row `r` starts at `base + r · stride`.
  public init(_ base: UnsafeMutablePointer<Float>, stride: Int) {
    self.base = base
    self.stride = stride
  }
}

/// The arithmetic of a cache; shapes and errors are those of `kelvin_kernels.h`.
extension Kernels {
  /// Writes `count` entries from entry `first` on; `keys` `[count, Dk]`, `values` `[count, Dv]`.
  public func write(_ table: PageTable, first: Int, count: Int, keys: Rows, values: Rows) {
    withUnsafePointer(to: table.head) {
      self.table.pointee.write_entries(
        $0, Int32(first), Int32(count), keys.base, keys.stride, values.base, values.stride)
    }
  }

  /// `scores[r][j] = scale · queries[r] · key[first + j]`; `first` is a multiple of 64, a row may be written up to the next.
  public func scores(
    _ table: PageTable, _ entries: Range<Int>, queries: Rows, rows: Int, scale: Float, into scores: Rows
  ) {
    withUnsafePointer(to: table.head) {
      self.table.pointee.scores(
        $0, Int32(entries.lowerBound), Int32(entries.upperBound), queries.base, queries.stride, Int32(rows), scale,
        scores.base, scores.stride)
    }
  }

  /// Replaces `count` scores by `e^(score − max)`.
  public func exponentials(_ scores: UnsafeMutablePointer<Float>, count: Int) -> (sum: Float, max: Float) {
    var max: Float = 0
    let sum = table.pointee.exponentials(scores, Int32(count), &max)
    return (sum, max)
  }

  /// `output[r] += Σ_j weights[r][j] · value[first + j]`; `first` is a multiple of 64.
  public func mix(_ table: PageTable, _ entries: Range<Int>, weights: Rows, rows: Int, into output: Rows) {
    withUnsafePointer(to: table.head) {
      self.table.pointee.mix(
        $0, Int32(entries.lowerBound), Int32(entries.upperBound), weights.base, weights.stride, Int32(rows),
        output.base, output.stride)
    }
  }

  /// Replaces scores `s` by `limit · tanh(s / limit)`.
  public func softcap(_ scores: UnsafeMutablePointer<Float>, limit: Float, count: Int) {
    table.pointee.softcap(scores, limit, Int32(count))
  }

  /// Adds a multiple of a vector to another: `y += factor · x`.
  public func add(_ x: UnsafePointer<Float>, times factor: Float, to y: UnsafeMutablePointer<Float>, count: Int) {
    table.pointee.add_scaled(y, x, factor, count)
  }

  /// Adds multiples of several vectors to another, in order: `y += Σ_r factors[r] · x[r]`.
  public func add(
    _ x: Rows, times factors: UnsafePointer<Float>, rows: Int, to y: UnsafeMutablePointer<Float>, count: Int
  ) {
    table.pointee.add_rows(y, x.base, x.stride, factors, Int32(rows), count)
  }

  /// Notes in bit `bit` of every word whether `Σ_r factors[r] · x[r]` is at least `even`, and keeps the counts of bits.
  public func count(
    _ x: Rows, times factors: UnsafePointer<Float>, rows: Int, even: Float, bit: Int,
    in words: UnsafeMutableBufferPointer<UInt64>, counts: UnsafeMutableBufferPointer<Float>
  ) {
    guard let word = words.baseAddress, let count = counts.baseAddress, words.count == counts.count else { return }
    table.pointee.count_rows(x.base, x.stride, factors, Int32(rows), even, Int32(bit), word, count, words.count)
  }

  /// Asks memory for the lines of bytes that will be read soon.
  public static func ask(for bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    for index in stride(from: 0, to: bytes.count, by: 64) { kelvin_ask(UInt(bitPattern: base + index)) }
  }

  /// Multiplies a vector by a number: `x *= factor`.
  public func multiply(_ x: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
    table.pointee.multiply_by(x, factor, count)
  }

  /// Copies entry `from` over entry `to`.
  public static func move(_ table: PageTable, from: Int, to: Int) {
    withUnsafePointer(to: table.head) { kelvin_move_entry($0, Int32(from), Int32(to)) }
  }

  /// Reads one entry: `key` `[Dk]`, `value` `[Dv]`.
  public func read(
    _ table: PageTable, entry: Int, key: UnsafeMutablePointer<Float>, value: UnsafeMutablePointer<Float>
  ) {
    withUnsafePointer(to: table.head) { kelvin_read_entry($0, Int32(entry), key, value) }
  }
}
