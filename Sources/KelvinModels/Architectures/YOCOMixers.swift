import KelvinAttention
import KelvinTensors

/// How a layer of YOCO's self-decoder looks back.
protocol YOCOMixer: Sendable {
  /// Bytes of its weights.
  var bytes: Int { get }
  /// Mixes the rows of a pass with what came before: normalised `x` `[T, hidden]` → `[T, hidden]`.
  func callAsFunction(_ x: Tensor, memory: inout (some AttentionMemory & ~Copyable)) throws(MemoryError) -> Tensor
}

extension YOCO {
  /// Sliding-window attention: each layer has a store of its own that holds the window.
  struct WindowAttention: YOCOMixer {
    let query, key, value, output: Weight
    let index: Int
    let scale: Float

    init(
      _ reader: WeightReader, _ name: String, _ configuration: YOCOConfiguration, index: Int
    ) throws(ModelError) {
      query = try reader.weight(name + YOCOTensorNames.query)
      key = try reader.weight(name + YOCOTensorNames.key)
      value = try reader.weight(name + YOCOTensorNames.value)
      output = try reader.weight(name + YOCOTensorNames.output)
      self.index = index
      scale = 1 / Float(configuration.selfHeads.width).squareRoot()
    }

    var bytes: Int { [query, key, value, output].reduce(0) { $0 + $1.bytes } }

    func callAsFunction(_ x: Tensor, memory: inout (some AttentionMemory & ~Copyable)) throws(MemoryError) -> Tensor {
      let (queries, keys, values) = x.multiplied(by: query, key, value)
      return try memory.attend(queries, adding: NewEntries(keys: keys, values: values), layer: index, scale: scale)
        .multiplied(by: output)
    }
  }

  /// Gated retention: attention without a softmax whose memory is a matrix per head.
  ///
  ///     log γ_t = log σ(x_t·w_γ) / 16
  ///     S_t = γ_t·S_{t−1} + k_tᵀ·v_t / √d,  o_t = q_t·S_t
  ///     y = (swish(x·W_G) ⊙ RMSNorm(o))·W_O             each head normalised by itself, without a gain
  ///
  /// Source: arXiv 2405.05254 §3.2. The paper's chunkwise and parallel forms are equal; this is the recurrent one.
  struct GatedRetention: YOCOMixer {
    let query, key, value, output, outputGate, decay: Weight
    let index: Int
    let divisor: Float
    let keyScale: Float
    let epsilon: Float
    /// Ones, as wide as a head.
    let headGain: ContiguousArray<Float>

    init(
      _ reader: WeightReader, _ name: String, _ configuration: YOCOConfiguration, divisor: Float, index: Int
    ) throws(ModelError) {
      query = try reader.weight(name + YOCOTensorNames.query)
      key = try reader.weight(name + YOCOTensorNames.key)
      value = try reader.weight(name + YOCOTensorNames.value)
      output = try reader.weight(name + YOCOTensorNames.output)
      outputGate = try reader.weight(name + YOCOTensorNames.outputGate)
      decay = try reader.weight(name + YOCOTensorNames.decay)
      self.index = index
      self.divisor = divisor
      keyScale = 1 / Float(configuration.selfHeads.width).squareRoot()
      epsilon = configuration.normEpsilon
      headGain = ContiguousArray(repeating: 1, count: configuration.selfHeads.width)
    }

    var bytes: Int { [query, key, value, output, outputGate, decay].reduce(0) { $0 + $1.bytes } }

    func callAsFunction(_ x: Tensor, memory: inout (some AttentionMemory & ~Copyable)) throws(MemoryError) -> Tensor {
      let (queries, keys, values) = x.multiplied(by: query, key, value)
      let (gates, decays) = x.multiplied(by: outputGate, decay)
      let retained = try memory.retain(
        queries, keys: keys.scaled(by: keyScale), values: values, logDecays: decays.logSigmoid(dividedBy: divisor),
        layer: index)
      let normalised = retained.rmsNormalised(gain: headGain, epsilon: epsilon)
      return gates.siluGating(normalised).multiplied(by: output)
    }
  }
}
