import KelvinAttention
public import KelvinTensors

/// Makes multi-head latent attention out of grouped-query attention, without training.
///
/// What may be absorbed must not be turned, so each KV head keeps a few of its rotary pairs, those that contribute most to
/// its scores, and the other channels of keys lose their position. The kept channels of all KV heads stand side by side in
/// the one turned key that latent attention has; a query head is zero at the places of other KV heads. Keys without
/// position and values become one latent: the `latentWidth` directions in which they vary most. What it costs to cache a
/// token falls from `2·H·D` numbers per layer to `latentWidth + 2·H·rotaryPairs`.
///
/// With all directions kept, only the lost positions differ. The conversion is lossy all the same, mostly by these: it is
/// where training starts, not where it ends.
///
/// Sources: kept channels by 2-norm and the joint decomposition of keys and values, MHA2MLA, arXiv 2502.14837; the balance
/// of keys and values and the decomposition of activations, TransMLA, arXiv 2502.07864. Departure: both cache the same
/// turned channels, but here they are one shared key with zeros in the queries, so that DeepSeek's layers run the result.
public struct LatentConversion: Sendable, Hashable {
  /// Numbers of the latent, `Dc`.
  public var latentWidth: Int
  /// Pairs of channels of each KV head that stay turned; fewer than a head has.
  public var rotaryPairs: Int

  /// A conversion to latents of `latentWidth` numbers, in which `rotaryPairs` pairs of each KV head stay turned.
  public init(latentWidth: Int, rotaryPairs: Int) {
    self.latentWidth = latentWidth
    self.rotaryPairs = rotaryPairs
  }

  /// The model with latent attention, in Hugging Face's names of a DeepSeek; all its tensors of attention are F32.
  /// - Parameters:
  ///   - checkpoint: of a Llama without biases, in either style.
  ///   - calibration: what was seen of the same model; `nil`: every input of a layer counts alike, and the decomposition
  ///     is that of the weights.
  /// - Throws: `ModelError` where the checkpoint is no such model, or the sizes do not fit it.
  public func apply(
    to checkpoint: Checkpoint, calibration: LatentCalibration? = nil
  ) throws(ModelError) -> Checkpoint {
    let source = try GroupedSource(checkpoint)
    precondition(calibration.map { $0.layers.count == source.layers } ?? true, "a calibration of another model")
    let plain = source.headWidth - 2 * rotaryPairs
    try check(rotaryPairs, "rotary pairs", 1...max(1, source.headWidth / 2 - 1), source)
    try check(latentWidth, "latent width", 1...source.keyValueHeads * (plain + source.headWidth), source)
    var result = Checkpoint(name: checkpoint.name, style: .huggingFace, metadata: source.metadata, tensors: [:])
    for (name, tensor) in source.otherTensors {
      result.tensors[name] = tensor
      result.tensors[name]?.name = name
    }
    var frequencies: [Double] = []
    for layer in 0..<source.layers {
      let weights = try source.weights(layer: layer)
      let seen = calibration?.layers[layer] ?? weights.calibration(source)
      let converted = LatentLayer(self, source, weights, seen, isBalanced: calibration?.isMeasured ?? false)
      frequencies += converted.frequencies
      let names = DeepSeekTensorNames(.huggingFace)
      for (part, matrix) in converted.matrices(source, weights) {
        let name = names.name(part, layer: layer)
        result.tensors[name] = StoredTensor(name: name, shape: [matrix.rows, matrix.columns]) { matrix.numbers }
      }
    }
    let sizes = [
      "kv_lora_rank": latentWidth, "qk_nope_head_dim": plain, "v_head_dim": source.headWidth,
      "qk_rope_head_dim": 2 * rotaryPairs * source.keyValueHeads, "first_k_dense_replace": source.layers,
    ]
    for (key, size) in sizes { result.metadata[key] = .integer(size) }
    result.metadata["kelvin.plain_latents"] = .bool(true)
    result.metadata["kelvin.rotary_frequencies"] = .numbers(frequencies)
    return result
  }

  private func check(
    _ size: Int, _ key: String, _ range: ClosedRange<Int>, _ source: GroupedSource
  ) throws(ModelError) {
    guard range.contains(size) else {
      throw .invalid(
        model: source.model, key: key, found: "\(size)", expected: "\(range.lowerBound) to \(range.upperBound)")
    }
  }
}
