import KelvinTensors

/// A checkpoint's metadata read with conditions: every fact that comes out is of the right type and in its limits.
struct CheckpointFacts {
  let model: String
  let values: [String: MetadataValue]
  /// What stands before a key in messages: `rope_scaling.` for the members of that object.
  let prefix: String

  init(_ checkpoint: Checkpoint) {
    self.init(model: checkpoint.name, values: checkpoint.metadata, prefix: "")
  }

  init(model: String, values: [String: MetadataValue], prefix: String) {
    self.model = model
    self.prefix = prefix
    // JSON's null says the same as no key at all.
    self.values = values.filter { $0.value != .null }
  }

  /// An integer from 1 to `limit`; `fallback` where the key is absent, which is an error where there is none.
  func size(_ key: String, limit: Int, default fallback: Int? = nil) throws(ModelError) -> Int {
    guard let value = try value(key, isOptional: fallback != nil) else { return fallback ?? 0 }
    guard let size = value.integer, (1...limit).contains(size) else {
      throw .invalid(model: model, key: prefix + key, found: value.brief, expected: "an integer from 1 to \(limit)")
    }
    return size
  }

  /// An integer from 0 to `limit`, `fallback` where the key is absent.
  func count(_ key: String, limit: Int, default fallback: Int) throws(ModelError) -> Int {
    guard let value = values[key] else { return fallback }
    guard let count = value.integer, (0...limit).contains(count) else {
      throw .invalid(model: model, key: prefix + key, found: value.brief, expected: "an integer from 0 to \(limit)")
    }
    return count
  }

  /// A finite number above zero.
  func positive(_ key: String, default fallback: Double? = nil) throws(ModelError) -> Double {
    guard let value = try value(key, isOptional: fallback != nil) else { return fallback ?? 0 }
    guard let number = value.number, number.isFinite, number > 0 else {
      throw .invalid(model: model, key: prefix + key, found: value.brief, expected: "a finite number above 0")
    }
    return number
  }

  /// A truth value, `false` where the key is absent.
  func flag(_ key: String) throws(ModelError) -> Bool {
    guard let value = values[key] else { return false }
    guard let flag = value.bool else {
      throw .invalid(model: model, key: prefix + key, found: value.brief, expected: "true or false")
    }
    return flag
  }

  /// A string, `nil` where the key is absent.
  func text(_ key: String) throws(ModelError) -> String? {
    guard let value = values[key] else { return nil }
    guard let text = value.string else {
      throw .invalid(model: model, key: prefix + key, found: value.brief, expected: "a string")
    }
    return text
  }

  /// The members of an object, which must be there.
  func object(_ key: String) throws(ModelError) -> CheckpointFacts {
    guard let value = values[key] else { throw .missing(model: model, key: prefix + key) }
    guard case .object(let members) = value else {
      throw .invalid(model: model, key: prefix + key, found: value.brief, expected: "an object")
    }
    return CheckpointFacts(model: model, values: members, prefix: prefix + key + ".")
  }

  /// Refuses a key that stands for a computation Kelvin lacks, unless its value is one of `harmless`.
  func refuse(_ key: String, unless harmless: [MetadataValue], supported: String) throws(ModelError) {
    guard let value = values[key], !harmless.contains(value) else { return }
    throw .unsupported(model: model, key: prefix + key, found: value.brief, supported: [supported])
  }

  private func value(_ key: String, isOptional: Bool) throws(ModelError) -> MetadataValue? {
    guard let value = values[key] else {
      if isOptional { return nil }
      throw .missing(model: model, key: prefix + key)
    }
    return value
  }
}
