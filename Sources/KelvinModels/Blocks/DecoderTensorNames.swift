public import KelvinTensors

/// What the tensors of a decoder are called in a file.
public struct DecoderTensorNames: Sendable, Hashable {
  /// Whose names these are.
  public let style: Checkpoint.Style
  /// The embedding of tokens, that of positions, and the norm behind the last layer.
  public var embedding, positions, finalNorm: String
  /// The output head, where it is not the embedding.
  public var head: String
  /// The embeddings of learned sinks, where there are any.
  public let sinks = "model.sink_embeddings.weight"
  /// What stands before the number of a layer.
  var layers: String
  /// What stands behind it.
  var parts: [LayerPart: String]
  /// The ends of the names of tensors that need not be read: tables that follow from the configuration.
  var derived: Set<String>

  /// The usual names in a checkpoint of `style`.
  public init(_ style: Checkpoint.Style) {
    self.style = style
    switch style {
    case .gguf:
      embedding = "token_embd.weight"
      positions = "position_embd.weight"
      finalNorm = "output_norm.weight"
      head = "output.weight"
      layers = "blk."
      parts = [
        .attentionNorm: "attn_norm", .query: "attn_q", .key: "attn_k", .value: "attn_v", .output: "attn_output",
        .feedForwardNorm: "ffn_norm", .gate: "ffn_gate", .up: "ffn_up", .down: "ffn_down",
        .queryKeyValue: "attn_qkv", .queryNorm: "attn_q_norm", .keyNorm: "attn_k_norm", .gateUp: "ffn_up",
        .afterAttentionNorm: "post_attention_norm", .afterFeedForwardNorm: "post_ffw_norm",
      ]
      derived = ["rope_freqs.weight", ".attn_rot_embd.weight"]
    case .huggingFace:
      embedding = "model.embed_tokens.weight"
      positions = "model.embed_positions.weight"
      finalNorm = "model.norm.weight"
      head = "lm_head.weight"
      layers = "model.layers."
      parts = [
        .attentionNorm: "input_layernorm", .query: "self_attn.q_proj", .key: "self_attn.k_proj",
        .value: "self_attn.v_proj", .output: "self_attn.o_proj", .feedForwardNorm: "post_attention_layernorm",
        .gate: "mlp.gate_proj", .up: "mlp.up_proj", .down: "mlp.down_proj", .queryKeyValue: "self_attn.qkv_proj",
        .queryNorm: "self_attn.q_norm", .keyNorm: "self_attn.k_norm", .gateUp: "mlp.gate_up_proj",
        .afterAttentionNorm: "post_attention_layernorm", .afterFeedForwardNorm: "post_feedforward_layernorm",
      ]
      derived = [".rotary_emb.inv_freq"]
    }
  }

  /// The name of a part of layer `layer`, counted from 0.
  public func name(_ part: LayerPart, layer: Int) -> String { "\(layers)\(layer).\(parts[part] ?? "").weight" }

  /// The name of the bias that belongs to the weight named `weight`.
  public func bias(of weight: String) -> String { String(weight.dropLast("weight".count)) + "bias" }

  /// Gives parts other names where the file is in `style`.
  mutating func rename(in style: Checkpoint.Style, _ names: [LayerPart: String]) {
    if style == self.style { parts.merge(names) { $1 } }
  }

  /// Whether a tensor may be there without being used.
  func isDerived(_ tensor: String) -> Bool { derived.contains { tensor.hasSuffix($0) } }
}
