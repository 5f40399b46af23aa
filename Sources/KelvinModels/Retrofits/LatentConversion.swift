public import KelvinTensors

/// Makes multi-head latent attention out of grouped-query attention, without training.
///
/// What may be absorbed must not be turned, so each KV head keeps a few of its rotary pairs, those that contribute most to
/// its scores, and the other channels of keys lose their position. The kept channels of all KV heads stand side by side in
/// the one turned key that latent attention has; a query head is zero at the places of other KV heads. Keys without
/// position and values become one latent: the `latentWidth` directions in which they vary most. What it costs to cache a
/// token falls from `2·H·D` numbers per layer to `latentWidth + H·turnedChannels`.
///
/// With all directions kept, only the lost positions differ. The conversion is lossy all the same, mostly by these: it is
/// where training starts, not where it ends.
///
/// The result is a DeepSeek without experts and without a latent of queries. Its queries are scaled, so that scores keep
/// their size although heads have become wider. Two keys of its configuration are Kelvin's own, and other programs do not
/// know them: `kelvin.plain_latents` says that latents are not normalised, and `kelvin.rotary_frequencies` how fast each
/// turned pair of each layer turns.
///
/// Sources: kept channels by 2-norm and the joint decomposition of keys and values, MHA2MLA, arXiv 2502.14837; the balance
/// of keys and values and the decomposition of activations, TransMLA, arXiv 2502.07864. Departure: both cache the same
/// turned channels, but here they are one shared key with zeros in the queries, so that DeepSeek's layers run the result.
public struct LatentConversion: Sendable, Hashable {
  /// Where the directions of latents come from.
  public enum Basis: String, CaseIterable, Sendable {
    /// The projections of keys and values, as if every input counted alike.
    case weights
    /// Measured keys and values, balanced so that both are kept alike.
    case activations
  }

  /// What is decomposed together.
  public enum Decomposition: String, CaseIterable, Sendable {
    /// Keys and values in one: what they have in common is kept once.
    case joint
    /// Keys and values each on its own, in halves of the latent.
    case split
  }

  /// Numbers of the latent, `Dc`.
  public var latentWidth: Int
  /// Channels of each KV head that stay turned; even, and fewer than a head has.
  public var turnedChannels: Int
  /// Where the directions come from.
  public var basis: Basis
  /// What is decomposed together.
  public var decomposition: Decomposition

  /// A conversion to latents of `latentWidth` numbers, in which `turnedChannels` of each KV head stay turned.
  public init(
    latentWidth: Int, turnedChannels: Int, basis: Basis = .weights, decomposition: Decomposition = .joint
  ) {
    self.latentWidth = latentWidth
    self.turnedChannels = turnedChannels
    self.basis = basis
    self.decomposition = decomposition
  }

  /// Checks that a model can be converted, and to these sizes; no weight is read.
  /// - Throws: `ModelError` where the checkpoint is no Llama without biases, or the sizes do not fit it.
  public func check(_ checkpoint: Checkpoint) throws(ModelError) { try check(try GroupedSource(checkpoint)) }

  /// The model with latent attention, in the names of a DeepSeek in the same style; what is computed is F32.
  /// - Parameters:
  ///   - checkpoint: of a Llama without biases, in either style.
  ///   - calibration: what was seen of the same model. It chooses the channels that stay turned, and, where the basis is
  ///     activations, the directions of latents; `nil`: the weights decide both.
  ///   - progress: called with the share of layers that are converted, in 0...1; `false` ends it.
  /// - Throws: what `check` throws, and `ModelError.cancelled` after `progress` said so.
  public func apply(
    to checkpoint: Checkpoint, calibration: LatentCalibration? = nil, progress: (Double) -> Bool = { _ in true }
  ) throws(ModelError) -> Checkpoint {
    let source = try GroupedSource(checkpoint)
    try check(source)
    precondition(calibration != nil || basis == .weights, "activations that nobody measured")
    precondition(calibration.map { $0.layers.count == source.layers } ?? true, "a calibration of another model")
    var result = Checkpoint(name: checkpoint.name, style: checkpoint.style, metadata: [:], tensors: source.otherTensors)
    var frequencies: [Double] = []
    let names = DeepSeekTensorNames(checkpoint.style)
    for layer in 0..<source.layers {
      guard progress(Double(layer) / Double(source.layers)) else { throw .cancelled(model: checkpoint.name) }
      let weights = try source.weights(layer: layer)
      var seen = calibration?.layers[layer] ?? weights.calibration(source)
      if basis == .weights, calibration != nil { seen.moments = weights.moments }
      let converted = LatentLayer(self, source, seen)
      frequencies += converted.frequencies
      for (part, matrix) in converted.matrices(source, weights) {
        let name = names.name(part, layer: layer)
        result.tensors[name] = StoredTensor(name: name, shape: [matrix.rows, matrix.columns]) { matrix.numbers }
      }
    }
    result.metadata = source.metadata(of: self, frequencies: frequencies)
    return result
  }

  private func check(_ source: GroupedSource) throws(ModelError) {
    let (heads, width) = (source.keyValueHeads, source.headWidth)
    func refuse(_ option: String, _ found: Int, _ expected: String) -> ModelError {
      .unsuitableRetrofit(model: source.model, option: option, found: "\(found)", expected: expected)
    }
    guard turnedChannels.isMultiple(of: 2), (2..<width).contains(turnedChannels) else {
      throw refuse(
        "mla-rope", turnedChannels, "an even number from 2 to \(width - 2), of the \(width) channels of a head")
    }
    let limit = heads * (2 * width - turnedChannels)
    let least = decomposition == .joint ? 1 : 2
    guard (least...limit).contains(latentWidth) else {
      throw refuse(
        "mla", latentWidth,
        "\(least) to \(limit), what \(heads) KV heads of \(width - turnedChannels) unturned and \(width) value channels "
          + "have")
    }
  }
}
