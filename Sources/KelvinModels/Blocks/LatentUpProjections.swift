import KelvinAttention
package import KelvinTensors

/// The up-projections of latent attention, a weight for each head.
///
/// They are 32-bit floats whatever the file has: absorption needs those of the keys transposed, which the block formats do
/// not allow, and together they are a small part of a model.
package struct LatentUpProjections: LatentProjections {
  /// Widths of the parts of heads and latents.
  package struct Widths: Sendable, Hashable {
    /// Channels of a head's query and key that are not turned, `Dn`, and that are, `Dr`.
    package var plain, rotary: Int
    /// A head's value, `Dv`.
    package var value: Int
    /// The latent, `Dc`.
    package var latent: Int

    package init(plain: Int, rotary: Int, value: Int, latent: Int) {
      self.plain = plain
      self.rotary = rotary
      self.value = value
      self.latent = latent
    }
  }

  package let widths: Widths
  /// `W_UK` of each head, `[Dn, Dc]`.
  private let keys: [Weight]
  /// The same, `[Dc, Dn]`.
  private let transposedKeys: [Weight]
  /// `W_UV` of each head, `[Dv, Dc]`.
  private let values: [Weight]

  package var heads: Int { keys.count }
  package var valueWidth: Int { widths.value }

  /// Bytes of the packed weights.
  package var bytes: Int { (keys + transposedKeys + values).reduce(0) { $0 + $1.bytes } }

  /// - Parameters:
  ///   - keys: `W_UK` of every head, each `[Dn, Dc]`.
  ///   - values: `W_UV` of every head, each `[Dv, Dc]`.
  package init(
    _ widths: Widths, keys: [ContiguousArray<Float>], values: [ContiguousArray<Float>], processor: Processor
  ) throws(TensorError) {
    self.widths = widths
    let (plain, latent) = (widths.plain, widths.latent)
    var packed: (keys: [Weight], transposed: [Weight], values: [Weight]) = ([], [], [])
    for head in keys.indices {
      let (key, value) = (keys[head], values[head])
      precondition(
        key.count == plain * latent && value.count == widths.value * latent, "\(key.count), \(value.count): \(widths)")
      func weight(_ rows: Int, _ columns: Int, _ numbers: ContiguousArray<Float>) throws(TensorError) -> Weight {
        let stored = StoredTensor(name: "up-projection", shape: [rows, columns]) { numbers }
        return try Weight(stored, exact: true, processor: processor)
      }
      packed.keys.append(try weight(plain, latent, key))
      packed.transposed.append(try weight(latent, plain, Self.transposed(key, columns: latent)))
      packed.values.append(try weight(widths.value, latent, value))
    }
    (self.keys, transposedKeys, self.values) = packed
  }

  /// The transpose of a matrix of `columns` columns.
  static func transposed(_ numbers: ContiguousArray<Float>, columns: Int) -> ContiguousArray<Float> {
    let rows = numbers.count / columns
    var result = numbers
    for row in 0..<rows {
      for column in 0..<columns { result[column * rows + row] = numbers[row * columns + column] }
    }
    return result
  }

  package func absorbed(_ queries: Tensor) -> Tensor {
    let width = widths.plain + widths.rotary
    let latentWidth = widths.latent + widths.rotary
    let result = queries.processor.tensor(rows: queries.rows, columns: heads * latentWidth)
    queries.multiplyHeads(every: width, by: transposedKeys, into: result, every: latentWidth)
    result.write(
      queries.columns(widths.plain..<width, ofEach: width), columns: widths.rotary, at: widths.latent,
      ofEach: latentWidth)
    return result
  }

  package func values(ofMixed latents: Tensor) -> Tensor {
    let result = latents.processor.tensor(rows: latents.rows, columns: heads * widths.value)
    latents.multiplyHeads(every: widths.latent, by: values, into: result, every: widths.value)
    return result
  }

  package func expanded(_ latents: Tensor) -> (keys: Tensor, values: Tensor) {
    let width = widths.plain + widths.rotary
    let latentWidth = widths.latent + widths.rotary
    let keys = latents.processor.tensor(rows: latents.rows, columns: heads * width)
    latents.multiplyHeads(every: 0, by: self.keys, into: keys, every: width)
    keys.write(
      latents.columns(widths.latent..<latentWidth, ofEach: latentWidth), columns: widths.rotary, at: widths.plain,
      ofEach: width)
    let values = latents.processor.tensor(rows: latents.rows, columns: heads * widths.value)
    latents.multiplyHeads(every: 0, by: self.values, into: values, every: widths.value)
    return (keys, values)
  }
}
