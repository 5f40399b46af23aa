public import KelvinAttention
public import KelvinTensors

/// The formats of a cache's keys and values.
///
/// Where they are quantised, a *residual* of each head may stay out of it: its newest entries, which queries read most.
public struct EntryFormats: Sendable, Hashable, CustomStringConvertible {
  /// How keys are written.
  public var keys: EntryFormat
  /// How values are written.
  public var values: EntryFormat
  /// The newest entries of each head that are in f16 where older ones are quantised; 0: none.
  public var residual: Int

  /// The formats of keys and values, half precision where none is given.
  public init(keys: EntryFormat = .f16, values: EntryFormat = .f16, residual: Int = 0) {
    self.keys = keys
    self.values = values
    self.residual = residual
  }

  /// The formats of entries that are among the newest.
  public var newest: EntryFormats { EntryFormats(keys: keys.unquantised, values: values.unquantised) }

  /// Whether entries of a store are quantised, so that a residual can stay out of it.
  public func quantises(_ store: StoreLayout) -> Bool {
    switch store.values {
    case .stored: keys.isQuantised || values.isQuantised
    case .prefixOfKey: keys.isQuantised
    }
  }

  /// `f16`, or `f16/f32` where keys and values differ; `q4_0+64 f16` where the 64 newest entries are in f16.
  public var description: String {
    let formats = keys == values ? keys.rawValue : "\(keys.rawValue)/\(values.rawValue)"
    return residual > 0 ? "\(formats)+\(residual) f16" : formats
  }
}
