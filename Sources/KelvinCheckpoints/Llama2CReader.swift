import KelvinTensors

/// Reads the `.bin` files of llama2.c: a header of seven numbers and the weights of a small Llama, one after another.
///
///     original    width, feed-forward width, layers, heads, KV heads, vocabulary (negative: the output head is a tensor
///                 of its own), context length, each i32; then the tensors as f32
///     version 1   magic "ak42" as u32, version i32, the seven numbers, shared head u8, zeros up to byte 256; then the
///                 tensors as f32, in another order
///
/// Each kind of tensor is stored for all layers before the next kind begins. Matrices are `[out, in]`, and queries and
/// keys turn adjacent pairs of channels. The original has two tables of rotary cosines and sines after the final norm,
/// which are skipped.
///
/// The result bears Hugging Face's names, with the constants that llama2.c has in its code as metadata, and
/// `kelvin.rotary_pairs` = `adjacent` because Hugging Face's own files have their rows in another order.
struct Llama2CReader {
  static let magic: UInt32 = 0x616b_3432  // "ak42"

  private let file: MappedFile
  private let numbers: [Int]
  private let hasOwnHead: Bool
  private let isOriginal: Bool

  private var width: Int { numbers[0] }
  private var feedForwardWidth: Int { numbers[1] }
  private var layers: Int { numbers[2] }
  private var heads: Int { numbers[3] }
  private var keyValueWidth: Int { width / heads * numbers[4] }
  private var vocabulary: Int { numbers[5] }
  private var contextLength: Int { numbers[6] }

  /// What `file` holds, or `nil` where its header and its size do not fit together: then it is something else.
  static func read(_ file: MappedFile) throws(CheckpointError) -> Checkpoint? {
    let hasMagic = file.integer(UInt32.self, at: 0) == magic
    if hasMagic, let version = file.integer(Int32.self, at: 4), version != 1 {
      throw .unsupported(
        file: file.name, part: "llama2.c version", found: "\(version)", supported: ["the original", "1"])
    }
    guard let reader = Llama2CReader(file, start: hasMagic ? 8 : 0, isOriginal: !hasMagic) else { return nil }
    return reader.checkpoint()
  }

  private init?(_ file: MappedFile, start: Int, isOriginal: Bool) {
    var numbers: [Int] = []
    for index in 0..<7 {
      guard let number = file.integer(Int32.self, at: start + 4 * index) else { return nil }
      numbers.append(Int(number))
    }
    let sharedHead = isOriginal ? numbers[5] > 0 : file.integer(UInt8.self, at: start + 28) == 1
    numbers[5] = abs(numbers[5])
    // Limits that no llama2.c model comes near, so that the sizes below cannot overflow.
    let limits = [1 << 16, 1 << 20, 1 << 10, 1 << 10, 1 << 10, 1 << 20, 1 << 20]
    guard zip(numbers, limits).allSatisfy({ (1...$1).contains($0) }) else { return nil }
    guard numbers[0].isMultiple(of: numbers[3] * 2), numbers[3].isMultiple(of: numbers[4]) else { return nil }
    self.file = file
    self.numbers = numbers
    self.isOriginal = isOriginal
    hasOwnHead = !sharedHead
    let floats = order.reduce(0) { $0 + $1.floats(layers: numbers[2]) }
    guard dataStart + floats * 4 == file.count else { return nil }
  }

  private var dataStart: Int { isOriginal ? 28 : 256 }

  // MARK: Tensors

  /// One kind of tensor: its name (`#` stands for the layer) and the shape of each; without a name it is skipped.
  private struct Kind {
    var name: String?
    var shape: [Int]

    var isPerLayer: Bool { name?.contains("#") ?? false }
    func floats(layers: Int) -> Int { shape.reduce(isPerLayer ? layers : 1, *) }
  }

  /// The kinds in the order of the file.
  private var order: [Kind] {
    let layer = "model.layers.#."
    let embedding = [Kind(name: "model.embed_tokens.weight", shape: [vocabulary, width])]
    let attentionNorm = [Kind(name: layer + "input_layernorm.weight", shape: [width])]
    let feedForwardNorm = [Kind(name: layer + "post_attention_layernorm.weight", shape: [width])]
    let finalNorm = [Kind(name: "model.norm.weight", shape: [width])]
    let attention = [
      Kind(name: layer + "self_attn.q_proj.weight", shape: [width, width]),
      Kind(name: layer + "self_attn.k_proj.weight", shape: [keyValueWidth, width]),
      Kind(name: layer + "self_attn.v_proj.weight", shape: [keyValueWidth, width]),
      Kind(name: layer + "self_attn.o_proj.weight", shape: [width, width]),
    ]
    let feedForward = [
      Kind(name: layer + "mlp.gate_proj.weight", shape: [feedForwardWidth, width]),
      Kind(name: layer + "mlp.down_proj.weight", shape: [width, feedForwardWidth]),
      Kind(name: layer + "mlp.up_proj.weight", shape: [feedForwardWidth, width]),
    ]
    let rotaryTables = [Kind(name: nil, shape: [2, contextLength, width / heads / 2])]
    let head = hasOwnHead ? [Kind(name: "lm_head.weight", shape: [vocabulary, width])] : []
    return isOriginal
      ? embedding + attentionNorm + attention + feedForwardNorm + feedForward + finalNorm + rotaryTables + head
      : attentionNorm + feedForwardNorm + finalNorm + embedding + attention + feedForward + head
  }

  private func checkpoint() -> Checkpoint {
    var tensors: [String: StoredTensor] = [:]
    var offset = dataStart
    for kind in order {
      for layer in 0..<(kind.isPerLayer ? layers : 1) {
        let end = offset + kind.floats(layers: 1) * 4
        if let name = kind.name?.split(separator: "#", omittingEmptySubsequences: false).joined(separator: "\(layer)") {
          tensors[name] = StoredTensor(
            name: name, shape: kind.shape, format: .f32, source: file, range: offset..<end)
        }
        offset = end
      }
    }
    return Checkpoint(name: file.name, style: .huggingFace, metadata: metadata, tensors: tensors)
  }

  private var metadata: [String: MetadataValue] {
    [
      "model_type": .string("llama"), "hidden_act": .string("silu"),
      "hidden_size": .integer(width), "intermediate_size": .integer(feedForwardWidth),
      "num_hidden_layers": .integer(layers), "num_attention_heads": .integer(heads),
      "num_key_value_heads": .integer(numbers[4]), "vocab_size": .integer(vocabulary),
      "max_position_embeddings": .integer(contextLength), "tie_word_embeddings": .bool(!hasOwnHead),
      "rms_norm_eps": .number(1e-5), "rope_theta": .number(10_000),
      "kelvin.rotary_pairs": .string("adjacent"),
    ]
  }
}
