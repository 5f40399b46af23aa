public import KelvinTensors

/// The formats of a cache's keys and values.
public struct EntryFormats: Sendable, Hashable, CustomStringConvertible {
  /// How keys are written.
  public var keys: EntryFormat
  /// How values are written.
  public var values: EntryFormat

  /// The formats of keys and values, half precision where none is given.
  public init(keys: EntryFormat = .f16, values: EntryFormat = .f16) {
    self.keys = keys
    self.values = values
  }

  /// `f16`, or `f16/f32` where keys and values differ.
  public var description: String {
    keys == values ? keys.rawValue : "\(keys.rawValue)/\(values.rawValue)"
  }
}
